# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a denoiser sees and what it is judged on, and how predictions are put together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from selfsupervised.core.validation import is_ragged, is_whole_number


@dataclass(frozen=True)
class Pair:
    """What a denoiser may see of a measurement, and what it is judged on.

    Unpacks as ``seen, judged, where = pair``.

    Parameters
    ----------
    seen : ndarray, sparse matrix or list of ndarray
        The measurement with every judged entry hidden, and others if they share its noise. A
        hidden entry is NaN (or, for molecules and repeats, is not there at all).
    judged : ndarray or sparse matrix
        The hidden measurements, in the order of ``X[where]``. NaN where nothing was measured:
        such an entry is never judged.
    where : ndarray of bool, list of such, or None
        Which entries of `X` are judged. None means that every entry is, on a share of its
        molecules.
    seen_share, judged_share : float or ndarray of shape (n_samples, 1)
        Expected part of the whole that is in `seen` and in `judged`.
    columns : ndarray of bool of shape (n_features,), or None
        For blocks of a table: which columns are judged, even where no row is.
    beside : ndarray of bool of shape (n_features,), or None
        For blocks of a table: which columns these may be predicted from; None for all others.

    See Also
    --------
    PixelGrid : Yields pairs of images.
    FeatureBlocks : Yields pairs of tables.
    MoleculeSplit : Yields pairs of counts.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import PixelGrid
    >>> X = np.array([[[3.0, 4.0], [5.0, 6.0]]])
    >>> pair = next(PixelGrid(stride=2).split(X))
    >>> pair.seen, pair.judged
    (array([[[nan,  4.],
            [ 5.,  6.]]]), array([3.]))
    >>> pair.select(np.full_like(X, 4.5))
    array([4.5])
    """

    seen: Any
    judged: Any
    where: Any
    seen_share: Any = 1.0
    judged_share: Any = 1.0
    columns: Any = None
    beside: Any = None

    def __iter__(self) -> Any:
        return iter((self.seen, self.judged, self.where))

    def select(self, output: Any) -> Any:
        """The part of a denoiser's `output` for `seen` that stands for `judged`."""
        if sparse.issparse(output):
            output = output.toarray()
        if self.where is None:
            return output * (self.judged_share / np.asarray(self.seen_share))
        if is_ragged(output):
            return np.concatenate(
                [image[hidden] for image, hidden in zip(output, self.where, strict=True)]
            )
        if output.shape == self.where.shape:
            return output[self.where]
        return output.reshape(-1)  # one repeat, all of which is judged


def assemble(data, predictions):
    """Put the predictions of all pairs together (Noise2Self, Eq. 3).

    Parameters
    ----------
    data : ndarray, sparse matrix or list of ndarray
        The measurement that was split; gives the shape and dtype.
    predictions : iterable of (Pair, ndarray)
        For every pair the predictions of its judged entries.

    Returns
    -------
    ndarray or list of ndarray
        The shape of `data`.

    Raises
    ------
    ValueError
        If the pairs leave out pixels, as those of `HeldOutPixels` do.
    """
    ragged = isinstance(data, list)
    out: Any = [np.zeros_like(x) for x in data] if ragged else np.zeros(data.shape, data.dtype)
    total_share: Any = None
    missing = sum(x.size for x in data) if ragged else np.prod(data.shape)
    for pair, predicted in predictions:
        if pair.where is None:  # predictions of shares of the molecules add up
            out = out + predicted
            total_share = pair.judged_share + (0 if total_share is None else total_share)
            continue
        missing = 0 if pair.columns is not None else missing - np.size(predicted)
        if ragged:
            _put(out, pair, predicted)
        else:
            out[pair.where] = predicted
    if total_share is None and missing:
        raise ValueError(
            f"Expected a partition that covers the data, got one that leaves out {missing} of its "
            f"entries: judge by it, but denoise with another, such as PixelGrid()."
        )
    return out if total_share is None else out / total_share


def _put(out, pair, predicted):
    ends = np.cumsum([hidden.sum() for hidden in pair.where])[:-1]
    parts = np.split(predicted, ends)
    for image, hidden, part in zip(out, pair.where, parts, strict=True):
        image[hidden] = part


def check_count(owner, name, value, least=2):
    """Raise unless the parameter `name` of `owner` is an integer of at least `least`."""
    if not is_whole_number(value) or value < least:
        why = ", since one subset alone leaves nothing to see" if least == 2 else ""
        raise ValueError(
            f"{owner} expected {name} to be an integer of at least {least}{why}; got {value!r}."
        )
