# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sharing counted molecules out into two independent samples."""

from hashlib import blake2b

import numpy as np
from scipy import sparse

from selfsupervised.core.hashing import GOLDEN_RATIO_64, mix
from selfsupervised.core.validation import is_finite_number, without_duplicates
from selfsupervised.core.warning import warn_user
from selfsupervised.partitions.draws import MAX_COUNT_BY_BITS, beta, generator, heads, shared_out

COUNT_ROUNDING = 1e-4  # how far, in parts of it, a count may be from a whole number


def overlapping_fractions(fraction, capture_rate):
    """Shares of two samples that overlap as two independent captures would.

    Molecular cross-validation's correction. A cell holds some number of molecules, of which
    the part ``s = capture_rate`` was captured. Two independent captures with rates p and q
    together capture ``s = p + q - p q`` of them; with ``q = a p``, ``a = (1 - d) / d``, this is
    a quadratic equation for p.

    Parameters
    ----------
    fraction : float
        The desired share d of the first sample, if captures never coincided.
    capture_rate : float or ndarray
        s, in (0, 1).

    Returns
    -------
    first, second : float or ndarray
        Expected shares ``p / s`` and ``q / s`` of the captured molecules; their sum exceeds 1
        by the overlap.

    References
    ----------
    Batson, Royer & Webber (2019), "Molecular cross-validation for single-cell RNA-seq".
    """
    s = np.asarray(capture_rate, dtype=float)
    a = (1 - fraction) / fraction
    p = ((1 + a) - np.sqrt((1 + a) ** 2 - 4 * a * s)) / (2 * a)
    return p / s, a * p / s


def refuse_negative(X, *, caller):
    """Raise a ValueError if a value of a table, dense or sparse, is below zero."""
    values = X.data if sparse.issparse(X) else X
    if values.min(initial=0) < 0:
        raise ValueError(
            f"{caller} expected counts, got negative values (Negative values in data passed to "
            f"{caller}), which look centred or scaled. Pass the raw counts: in AnnData often "
            f"adata.layers['counts'], or adata.raw.to_adata()."
        )


def refuse_missing(X, *, caller):
    """Raise a ValueError if a value of a table, dense or sparse, is NaN or infinite."""
    values = X.data if sparse.issparse(X) else X
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            f"{caller} expected counts, got NaN or infinity: drop such rows, or put zeros."
        )


def are_fractional(values):
    """Whether some values are no whole numbers, not even to rounding, as after expm1(log1p(x))."""
    if values.dtype.kind != "f":
        return False
    return bool((np.abs(values - np.rint(values)) > COUNT_ROUNDING * np.maximum(values, 1)).any())


def check_counts(X, *, caller):
    """`X` as a CSR table of integer counts, sorted, without duplicates and zeros.

    Raises
    ------
    ValueError
        Not a table; negative, NaN or infinite values; no molecule at all.

    Warns
    -----
    UserWarning
        Fractional values.
    """
    if not sparse.issparse(X):
        if np.ma.isMaskedArray(X):
            raise ValueError(
                f"{caller} expected counts without a mask, got a masked array: drop such rows, or "
                f"put zeros."
            )
        X = np.asarray(X)
        if X.dtype.kind not in "biuf":
            raise TypeError(f"{caller} expected counts, got an array of dtype {X.dtype}.")
    if X.ndim != 2:
        raise ValueError(
            f"{caller} expected counts of shape (n_samples, n_features), got shape {X.shape}."
        )
    table = _canonical(X)
    values = table.data
    refuse_missing(table, caller=caller)
    refuse_negative(table, caller=caller)
    small = values.max(initial=0) < 2**31 - 1
    counts = np.rint(values).astype(np.int32 if small else np.int64)
    if are_fractional(values):
        warn_user(
            f"{caller} expected whole counts, got fractional values, which are rounded; these look "
            f"normalised or log-transformed. Pass the raw counts: in AnnData often "
            f"adata.layers['counts'], or adata.raw.to_adata().",
        )
    table = _kept(table, counts)
    if table.nnz == 0:
        raise ValueError(f"{caller} got a table without any molecule, which leaves nothing to see.")
    return table


def _canonical(X):
    """`X` as a CSR array, sorted and without duplicates; shares memory with `X` if it is so."""
    if not sparse.issparse(X) or X.format != "csr":
        return sparse.csr_array(X)
    X = without_duplicates(X)
    return sparse.csr_array((X.data, X.indices, X.indptr), shape=X.shape)


def _kept(table, data):
    """`data` at the places of `table`, without zeros; shares its places if there are none."""
    inside = data != 0
    if inside.all():
        return sparse.csr_array((data, table.indices, table.indptr), shape=table.shape)
    before = np.concatenate([[0], np.cumsum(inside, dtype=table.indptr.dtype)])
    entries = (data[inside], table.indices[inside], before[table.indptr])
    return sparse.csr_array(entries, shape=table.shape)


def thin_counts(X, fraction, *, overdispersion=None, capture_rate=None, seed=(0,), turn=None):
    """Share the molecules of `X` out into two samples.

    See `selfsupervised.MoleculeSplit` for the parameters, and `row_keys` for `turn`.

    Returns
    -------
    (first, first_share), (second, second_share) : tuples
        The samples, with the container and dtype of `X`, and their expected shares of the
        molecules, a float or an array of shape (n_samples, 1).
    """
    caller = "MoleculeSplit"
    if not is_finite_number(fraction) or not 0 < fraction < 1:
        raise ValueError(f"{caller} expected fraction to lie between 0 and 1, got {fraction!r}.")
    table = check_counts(X, caller=caller)
    alpha = _check_overdispersion(overdispersion, table.shape[1], caller)
    shares = _shares(fraction, capture_rate, table.shape[0], caller)
    if alpha is not None and capture_rate is not None:
        raise ValueError(f"{caller} takes overdispersion or capture_rate, not both.")

    keys = row_keys(table, seed, turn)
    dtype = np.asarray(X.data if sparse.issparse(X) else X).dtype
    if fraction == 0.5 and alpha is None and capture_rate is None:
        samples = _halves(table, keys, dtype)
    else:
        drawn = (
            _by_molecules(table, keys, shares)
            if alpha is None
            else _beta_binomial(table, keys, fraction, alpha)
        )
        samples = [_kept(table, data.astype(dtype)).copy() for data in drawn]
    shares = [share[:, None] if np.ndim(capture_rate) else float(share[0]) for share in shares]
    pairs = zip(samples, shares, strict=True)
    return tuple((_in_container(X, sample), share) for sample, share in pairs)


def _check_overdispersion(overdispersion, n_features, caller):
    if overdispersion is None:
        return None
    alpha = np.asarray(overdispersion, dtype=float)
    if alpha.shape not in ((), (n_features,)) or not (np.isfinite(alpha) & (alpha >= 0)).all():
        raise ValueError(
            f"{caller} expected overdispersion to be None, a number >= 0 or one for each of the "
            f"{n_features} features; got {overdispersion!r}."
        )
    return np.broadcast_to(alpha, n_features)


def _shares(fraction, capture_rate, n_samples, caller):
    """Expected shares of both samples for every row."""
    if capture_rate is None:
        return np.full(n_samples, fraction), np.full(n_samples, 1 - fraction)
    rate = np.asarray(capture_rate, dtype=float)
    if rate.shape not in ((), (n_samples,)) or not ((rate > 0) & (rate < 1)).all():
        raise ValueError(
            f"{caller} expected capture_rate to lie between 0 and 1, one number or one for each of "
            f"the {n_samples} samples; got {capture_rate!r}."
        )
    return overlapping_fractions(fraction, np.broadcast_to(rate, n_samples))


# -- random bits that belong to a row's content, and not to its place -------------------------

ENTRIES_PER_BLOCK = 2**16  # entries at a time, so that what is computed of them stays in the cache


def row_keys(table, seed, turn=None):
    """A 64-bit key of each row, from the seed and the counts in it, wherever it stands.

    Parameters
    ----------
    table : csr_array of shape (n_samples, n_features)
        Counts as `check_counts` returns them.
    seed : tuple of int
        Seed.
    turn : ndarray of int of shape (n_samples,), default=None
        How many rows like it stand before each row, for a part of a longer table.

    Returns
    -------
    ndarray of uint64 of shape (n_samples,)
        Equal rows have different keys, which belong to the first, the second ... of them.
    """
    keys = content_keys(table, seed)
    turn = turns(keys) if turn is None else turn
    return mix(keys + turn.astype(np.uint64) * GOLDEN_RATIO_64)


def content_keys(table, seed):
    """A 64-bit key of each row, the same for equal rows; see `row_keys`."""
    columns = _column_keys(table.shape[1], seed)
    keys = np.zeros(table.shape[0], dtype=np.uint64)
    for rows, inside in _blocks(table.indptr):
        entries = columns[table.indices[inside]]
        entries += table.data[inside].astype(np.uint64) * GOLDEN_RATIO_64
        mix(entries)
        starts = table.indptr[rows.start : rows.stop + 1] - inside.start
        full = np.flatnonzero(np.diff(starts))
        if full.size:
            keys[rows.start + full] = np.add.reduceat(entries, starts[full])
    return mix(keys)


def _column_keys(n_columns, seed):
    digest = blake2b(np.array(seed, dtype=np.int64).tobytes(), digest_size=8).digest()
    start = np.uint64(int.from_bytes(digest, "little"))
    return mix(np.arange(1, n_columns + 1, dtype=np.uint64) * GOLDEN_RATIO_64 + start)


def turns(keys):
    """How many equal ones stand before each of `keys`."""
    order = np.argsort(keys, kind="stable")
    new = np.concatenate([[True], np.diff(keys[order]) != 0])
    places = np.arange(keys.size)
    turns = np.empty(keys.size, dtype=np.int64)
    turns[order] = places - np.maximum.accumulate(np.where(new, places, 0))
    return turns


def _blocks(indptr):
    """Consecutive slices of rows and of their entries, about `ENTRIES_PER_BLOCK` entries each."""
    start, n_rows = 0, len(indptr) - 1
    while start < n_rows:
        stop = int(np.searchsorted(indptr, indptr[start] + ENTRIES_PER_BLOCK, side="right")) - 1
        stop = min(max(stop, start + 1), n_rows)
        yield slice(start, stop), slice(int(indptr[start]), int(indptr[stop]))
        start = stop


def _halves(table, keys, dtype):
    """Two CSR tables: Binomial(count, 1/2) of every entry, and the rest.

    What is drawn is as many of `count` random bits as are set.
    """
    columns = _column_keys(table.shape[1], ())
    halves = [_Growing(table, dtype), _Growing(table, dtype)]
    for rows, inside in _blocks(table.indptr):
        starts = table.indptr[rows.start : rows.stop + 1] - inside.start
        counts, indices = table.data[inside], table.indices[inside]
        bits = np.repeat(keys[rows], np.diff(starts))
        bits += columns[indices]
        drawn = heads(mix(bits), counts)
        for row in np.unique(
            np.searchsorted(starts, np.flatnonzero(counts > MAX_COUNT_BY_BITS), "right") - 1
        ):
            entries = starts[row] + np.flatnonzero(
                counts[starts[row] : starts[row + 1]] > MAX_COUNT_BY_BITS
            )
            drawn[entries] = generator(keys[rows.start + row]).binomial(counts[entries], 0.5)
        for half, share in zip(halves, (drawn, counts - drawn), strict=True):
            half.append(rows, starts, indices, share)
    return [half.table() for half in halves]


class _Growing:
    """A CSR table that is filled block by block, with no more entries than another has.

    Memory that is never written to costs nothing.
    """

    def __init__(self, table, dtype):
        self.shape, self.end = table.shape, 0
        self.data = np.empty(table.nnz, dtype)
        self.indices = np.empty(table.nnz, table.indices.dtype)
        self.indptr = np.zeros_like(table.indptr)

    def append(self, rows, starts, indices, data):
        """Add the nonzeros of `rows`, whose entries begin at `starts`."""
        kept = np.flatnonzero(data)
        new = slice(self.end, self.end + kept.size)
        self.indptr[rows.start + 1 : rows.stop + 1] = self.end + np.searchsorted(kept, starts[1:])
        self.data[new], self.indices[new] = data[kept], indices[kept]
        self.end = new.stop

    def table(self):
        entries = (self.data[: self.end], self.indices[: self.end], self.indptr)
        return sparse.csr_array(entries, shape=self.shape)


def _by_molecules(table, keys, shares):
    """Both samples, each molecule for itself."""
    columns = _column_keys(table.shape[1], ())
    first, second = np.empty_like(table.data), np.empty_like(table.data)
    for rows, inside in _blocks(table.indptr):
        lengths = np.diff(table.indptr[rows.start : rows.stop + 1])
        bits = mix(np.repeat(keys[rows], lengths) + columns[table.indices[inside]])
        of_entries = [np.repeat(share[rows], lengths) for share in shares]
        first[inside], second[inside] = shared_out(bits, table.data[inside], *of_entries)
    return first, second


def _beta_binomial(table, keys, fraction, alpha):
    """Draws that undo overdispersion, row by row."""
    first = np.empty_like(table.data)
    for row in np.flatnonzero(np.diff(table.indptr)):
        inside = slice(table.indptr[row], table.indptr[row + 1])
        rng = generator(keys[row])
        p = beta(rng, fraction, alpha[table.indices[inside]])
        first[inside] = rng.binomial(table.data[inside], p)
    return first, table.data - first


def _in_container(X, sample):
    """The table `sample` in the container of `X`."""
    if not sparse.issparse(X):
        return sample.toarray()
    return sample if isinstance(X, sparse.sparray) else sparse.csr_matrix(sample)
