# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Sharing counted molecules out into two independent samples."""

import warnings
from collections import Counter
from hashlib import blake2b

import numpy as np
from scipy import sparse

from selfsupervised._validation import is_finite_number


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


def check_counts(X, *, caller):
    """`X` as a new CSR table of int64 counts, sorted, without duplicates and zeros.

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
    table = sparse.csr_array(X, copy=True)
    table.sum_duplicates()
    values = table.data
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            f"{caller} expected counts, got NaN or infinity: drop such rows, or put zeros."
        )
    if (values < 0).any():
        raise ValueError(
            f"{caller} expected counts, got negative values in data passed to it; these look "
            f"centred or scaled. Pass the raw counts (in AnnData often layers['counts'] or raw)."
        )
    counts = np.rint(values).astype(np.int64)
    if values.dtype.kind == "f" and (counts != values).any():
        warnings.warn(
            f"{caller} expected whole counts, got fractional values, which are rounded; these look "
            f"normalised or log-transformed. Pass the raw counts (in AnnData often "
            f"layers['counts'] or raw).",
            UserWarning,
            stacklevel=4,
        )
    table = sparse.csr_array((counts, table.indices, table.indptr), shape=table.shape)
    table.eliminate_zeros()
    if table.nnz == 0:
        raise ValueError(f"{caller} got a table without any molecule, which leaves nothing to see.")
    return table


def thin_counts(X, fraction, *, overdispersion=None, capture_rate=None, seed=(0,)):
    """Share the molecules of `X` out into two samples.

    See `selfsupervised.MoleculeSplit` for the parameters.

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

    first, second = np.empty_like(table.data), np.empty_like(table.data)
    only_first = 1 - shares[1]  # molecules that are not in the second sample
    only_second = (1 - shares[0]) / shares[1]  # of the second's, those not in the first
    earlier: Counter = Counter()
    for row in range(table.shape[0]):
        inside = slice(table.indptr[row], table.indptr[row + 1])
        counts, columns = table.data[inside], table.indices[inside]
        if not counts.size:
            continue
        key = _row_key(columns, counts, seed)
        # Equal rows take independent draws, in their order.
        rng = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, earlier[key]]))
        earlier[key] += 1
        p = only_first[row]
        if alpha is not None:
            p = _beta(rng, fraction, alpha[columns])
        first[inside] = rng.binomial(counts, p)
        second[inside] = counts - first[inside]
        if capture_rate is not None:  # some molecules of the second sample are in both
            first[inside] = counts - rng.binomial(second[inside], only_second[row])
    shares = [share[:, None] if np.ndim(capture_rate) else float(share[0]) for share in shares]
    return tuple(
        (_like(X, table, sample), share)
        for sample, share in zip((first, second), shares, strict=True)
    )


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


def _row_key(columns, counts, seed):
    """A key that belongs to the seed and to these counts, wherever they stand."""
    digest = blake2b(np.array(seed, dtype=np.int64).tobytes(), digest_size=16)
    digest.update(columns.astype(np.int64).tobytes())
    digest.update(counts.tobytes())
    return int.from_bytes(digest.digest())


def _beta(rng, fraction, alpha):
    """Success probabilities of the beta-binomial split; `fraction` where alpha is 0."""
    size = 1 / np.where(alpha > 0, alpha, 1)
    drawn = rng.beta(fraction * size, (1 - fraction) * size)
    return np.where(alpha > 0, drawn, fraction)


def _like(X, table, data):
    """A table of `data` at the nonzeros of `table`, in the container and dtype of `X`."""
    if not sparse.issparse(X):
        out = np.zeros(table.shape, dtype=np.asarray(X).dtype)
        rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))
        out[rows, table.indices] = data
        return out
    container = sparse.csr_array if isinstance(X, sparse.sparray) else sparse.csr_matrix
    entries = (data.astype(X.dtype), table.indices, table.indptr)
    out = container(entries, shape=table.shape, copy=True)
    out.eliminate_zeros()
    return out
