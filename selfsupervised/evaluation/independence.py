# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether what is judged is independent of what is seen, as the score assumes."""

from hashlib import blake2b

import numpy as np
from scipy import sparse

from selfsupervised.core.warning import warn_user
from selfsupervised.evaluation.table_independence import (
    FEW_ENTRIES_SHARE,
    MAX_RARE_MEAN,
    MAX_SHARE_OF_LOSS,
    MIN_COPIED_SHARE,
    MIN_NEIGHBOR_CORRELATION,
    are_tied,
    as_counts,
    keys_of_rows,
    mean_where_rare,
    n_copies,
    neighbor_correlations,
    share_of_few,
    sums_of_genes,
)
from selfsupervised.noise.correlation import correlated_noise, some_images
from selfsupervised.partitions import PixelPartition

MAX_KNOWN = 16  # data whose verdict is remembered

# Every candidate of a search is judged on the same data: they are measured for the first only.
# To each key the verdict, and the warnings that were given.
_known: dict = {}


class CorrelatedNoiseWarning(UserWarning):
    """What is judged looks as if it shared its noise with what is seen: the score may be misled.

    Of neighbouring pixels, of neighbouring rows or columns of a table, of columns that follow from
    each other, of reads that are copies of one molecule, of copies of cells. Given when data are
    first judged; not again for the same data while the process remembers them.

    See Also
    --------
    noise_correlation : Measures what neighbouring pixels share.
    PixelGrid : With a `footprint`, hides neighbours too.
    FeatureBlocks : With a `gap`, keeps neighbouring columns apart.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> noisy = np.random.default_rng(0).normal(size=(1, 128, 128))
    >>> noisy[..., 1:] += noisy[..., :-1]
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     loss = ss.self_supervised_loss(ss.GaussianDenoiser(), noisy, partition=ss.PixelGrid())
    >>> print(caught[0].category.__name__)
    CorrelatedNoiseWarning
    """


def _recalled(X, channel_axis):
    """`correlated_noise` of `X`, of which a sample of the values tells whether it is known."""
    shapes = repr(([image.shape for image in X], channel_axis))
    key = _key_of([image.reshape(-1) for image in some_images(X)], shapes)
    return _remembered(key, lambda: correlated_noise(X, channel_axis=channel_axis))


def _key_of(arrays, *facts):
    """What tells data apart: some of their values, and facts such as shapes."""
    samples = [array[:: max(1, array.size >> 10)] for array in arrays]
    whole = b"".join(part.tobytes() for part in samples) + repr(facts).encode()
    return blake2b(whole).digest()


def _remembered(key, verdict):
    """What `verdict()` says of data, asked once, and what the user was told of it."""
    found = _known.get(key)
    if found is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        found = _known[key] = verdict(), set()
    return found


def _say_once(message, said):
    if message not in said:
        said.add(message)
        warn_user(message, CorrelatedNoiseWarning)


def warn_if_correlated(X, partition=None, *, channel_axis=None, once=False):
    """Warn if noise looks correlated between pixels that `partition` does not hide together.

    The same data are measured once, however often they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
        Noisy images as floats; a single image as ``image[None]``.
    partition : PixelPartition, default=None
        What the images are judged by. Partitions of anything but pixels are never warned of,
        None stands for one that hides no neighbours.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels.
    once : bool, default=False
        Whether to be silent if this was said of these data before. Python's own filter cannot
        tell: scikit-learn's searches make it forget with every candidate.

    Warns
    -----
    CorrelatedNoiseWarning
        With what was measured and what to pass.
    """
    if not (partition is None or isinstance(partition, PixelPartition)):
        return
    verdict, said = _recalled(X, channel_axis)
    axes = [axis for axis, found in enumerate(verdict.correlated) if found]
    if partition is not None:
        shape = X[0].shape
        axes = [a for a in axes if not partition.hides_along(a, shape, channel_axis=channel_axis)]
    if not axes:
        return
    names = ("depth", "columns", "rows")[-len(verdict.correlated) :]
    found = ", ".join(f"{verdict.lags[axis, 0]:.2f} along {names[axis]}" for axis in axes[::-1])
    message = (
        f"The noise of neighbouring pixels looks correlated ({found}). The self-supervised score "
        f"assumes that it is independent and will prefer too weak a denoiser: pass "
        f"partition=PixelGrid(footprint={verdict.footprint!r}), which hides neighbours too. (A "
        f"picture without noise looks the same.)"
    )
    if not once:
        said.discard(message)
    _say_once(message, said)


# -- tables --------------------------------------------------------------------------------


def warn_of_table(table, partition, *, learned_from_it=True):
    """Warn if blocks of a table are not independent of what they are predicted from.

    Parameters
    ----------
    table : ndarray of shape (n_samples, n_features)
        NaN means "not measured".
    partition : FeatureBlocks
        What it is judged by.
    learned_from_it : bool, default=True
        Whether rows of this table were learned from, rather than those of another.

    Warns
    -----
    CorrelatedNoiseWarning
        With what was measured and what to pass.
    """
    key = table_key(table)
    (of_columns, of_rows), said = _remembered(key, lambda: neighbor_correlations(table))
    apart = partition.contiguous and partition.gap
    if of_columns > MIN_NEIGHBOR_CORRELATION and not apart:
        _say_once(
            f"The noise of neighbouring columns looks correlated ({of_columns:.2f}). The "
            f"self-supervised score assumes that it is independent, and will prefer what copies "
            f"it: pass partition=FeatureBlocks(n_blocks, contiguous=True, gap=...), with a gap as "
            f"wide as the correlation. (What few neighbouring columns alone show looks the same.)",
            said,
        )
    if of_rows > MIN_NEIGHBOR_CORRELATION and learned_from_it:
        _say_once(
            f"The noise of neighbouring rows looks correlated ({of_rows:.2f}), and rows are "
            f"predicted by what learned from their neighbours: judge them by rows farther off, "
            f"with cv=KFold(5), unshuffled, in GridSearchCV. (What one column alone shows for some "
            f"time looks the same.)",
            said,
        )
    tied, said = _remembered(key + b"tied", lambda: are_tied(table))
    if tied and of_columns <= MIN_NEIGHBOR_CORRELATION:
        _say_once(
            f"Some of the {table.shape[1]} columns follow from the others by arithmetic, as with "
            f"an average reference: a linear regression gives back its input, noise included, and "
            f"its loss of about zero means nothing. Undo that arithmetic, or leave such columns "
            f"out; a penalty alone hides it. (A table without noise looks the same.)",
            said,
        )


def table_key(table):
    """What tells tables apart, dense or CSR."""
    if sparse.issparse(table):
        parts = [part for part in (table.data, getattr(table, "indices", None)) if part is not None]
    else:
        parts = [np.asarray(table).reshape(-1)]
    return _key_of(parts, table.shape)


def warn_of_counts(counts, overdispersion=None, *, caller="MoleculeSplit"):
    """Warn if the molecules of two halves of counts are not independent of each other.

    Parameters
    ----------
    counts : ndarray or sparse table of shape (n_samples, n_features)
        What is no table of counts is passed over: others refuse it.
    overdispersion : float or array-like, default=None
        That of the split; None is binomial.
    caller : str, default="MoleculeSplit"
        Who shares molecules out, for messages.

    Warns
    -----
    CorrelatedNoiseWarning
        With what was measured and what to pass.
    """

    def measured():
        table = as_counts(counts)
        if table is None:
            return np.nan, 0
        mean = mean_where_rare(sums_of_genes(table), table.shape[0])
        return mean, n_copies(keys_of_rows(table), table @ np.ones(table.shape[1]))

    (mean, copies), said = _remembered(table_key(counts), measured)
    mean = mean if overdispersion is None else np.nan
    for message in messages_of_counts(mean, copies, counts.shape[0], caller):
        _say_once(message, said)


def messages_of_counts(mean, copies, n_cells, caller):
    """Yield what is to be said of counts.

    Parameters
    ----------
    mean : float
        As of `mean_where_rare`.
    copies : int
        As of `n_copies`.
    n_cells : int
        Number of all cells.
    caller : str
        Who shares molecules out.
    """
    if mean > MAX_RARE_MEAN:
        yield (
            f"Genes that few cells show are found with a mean of {mean:.1f} counts, which would be "
            f"about 1 for molecules: these look like reads without UMIs, copies of one molecule "
            f"are in both halves, and the score will prefer what copies noise. Pass "
            f"partition=MoleculeSplit(overdispersion=...), that of the reads given the state of "
            f"the cell{_instead(caller)}."
        )
    if copies > MIN_COPIED_SHARE * n_cells:
        yield (
            f"{copies} of {n_cells} cells are exact copies of others, and one predicts the "
            f"molecules that are held out of the other: drop them, as by numpy.unique(axis=0)."
        )


def _instead(caller):
    if caller == "MoleculeSplit":
        return ""
    return f", in a JInvariantWrapper instead of {caller}"


def warn_of_few(losses):
    """Warn if a few entries of a table make most of its loss.

    Parameters
    ----------
    losses : ndarray
        Squared errors of all entries that were judged.
    """
    share = share_of_few(losses)
    if share > MAX_SHARE_OF_LOSS:
        warn_user(
            f"{share:.0%} of the loss is of {FEW_ENTRIES_SHARE:.1%} of the entries: a few outliers "
            f"decide what looks best. Take them as missing (TableOutlierRemover before the "
            f"wrapper, and in it an imputer before the regressor), scale columns that are much "
            f"larger than others, or judge by loss='mae'."
        )
