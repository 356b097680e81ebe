# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Blocks of a table for bi-cross-validation (Noise2Self, Section 3.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.types import RandomState
from selfsupervised.core.validation import is_whole_number
from selfsupervised.partitions.pair import Pair, check_count

MIN_BLOCKS_TO_SHARE_FOLDS = 8  # from which on half of the columns tell the fold of a row


@dataclass(frozen=True)
class Block:
    """Columns that are predicted together, and the folds of rows that learn from each other.

    Parameters
    ----------
    columns : ndarray of bool of shape (n_features,)
        What is predicted.
    beside : ndarray of bool of shape (n_features,)
        What it is predicted from.
    fold_of : ndarray of int of shape (n_samples,)
        Fold of each row; blocks that share their folds share this array.
    """

    columns: np.ndarray
    beside: np.ndarray
    fold_of: np.ndarray


class FeatureBlocks(BaseEstimator):
    """Blocks of a table, columns by rows, each predicted from the rest (Owen & Perry, 2009).

    A block of columns is predicted from the other columns by a regressor that learned on other
    rows: bi-cross-validation, so that a regressor that memorises its targets gains nothing. A
    row belongs to a fold by what is visible of it, in single precision, not by its place: in
    any subset or order of the rows, a row is predicted by a regressor that did not learn from
    it. (A row that was rounded or shifted in between counts as another row.) Of eight blocks and
    more, each half of them shares its folds of rows, which the columns of the other half tell.

    Where the noise of neighbouring columns goes together, as in spectra that were smoothed, blocks
    of neighbouring columns with a gap around each keep what is judged independent of what is seen.

    Parameters
    ----------
    n_blocks : int, default=2
        Number of blocks of columns.
    n_folds : int, default=2
        Number of folds of rows. Half of the columns by half of the rows works well (Noise2Self,
        Section 3.2); more folds leave more rows to learn from, and take longer.
    contiguous : bool, default=False
        Whether a block is of neighbouring columns rather than of random ones.
    gap : int, default=0
        Number of columns on each side of a contiguous block that it is not predicted from either.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the assignment of columns to blocks and rows to folds.

    See Also
    --------
    PixelGrid : Hides pixels of images.
    MoleculeSplit : For counts, splits their molecules.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import FeatureBlocks
    >>> X = np.arange(24.0).reshape(4, 6)
    >>> [int(pair.where.sum()) for pair in FeatureBlocks(n_blocks=3).split(X)]
    [4, 4, 4, 4, 4, 4]
    """

    def __init__(
        self,
        n_blocks: int = 2,
        *,
        n_folds: int = 2,
        contiguous: bool = False,
        gap: int = 0,
        random_state: RandomState = 0,
    ) -> None:
        self.n_blocks = n_blocks
        self.n_folds = n_folds
        self.contiguous = contiguous
        self.gap = gap
        self.random_state = random_state

    def get_n_splits(self, X: Any | None = None, *, channel_axis: int | None = None) -> int:
        """Number of blocks times number of folds."""
        return self.n_blocks * self.n_folds

    def split(self, X: Any, *, channel_axis: int | None = None) -> Iterator[Any]:
        """Hide one block after another.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A dense table; NaN means "not measured".
        channel_axis : None
            Ignored; tables have no channels.

        Yields
        ------
        Pair
            `seen` holds NaN in the hidden block and its gap, `where` is True in the block,
            `columns` says which columns it is of and `beside` from which it may be predicted.

        Raises
        ------
        ValueError
            If there are fewer columns than blocks, or a gap leaves none to predict from.
        """
        X = Measurement.of_array(X, caller="FeatureBlocks.split").data
        for block in self.blocks(X):
            for fold in range(self.n_folds):
                hidden_rows = (block.fold_of == fold)[:, None]
                where = hidden_rows & block.columns
                seen = np.where(hidden_rows & ~block.beside, X.dtype.type(np.nan), X)
                yield Pair(seen, X[where], where, columns=block.columns, beside=block.beside)

    def blocks(self, X: Any) -> Any:
        """The blocks of columns, each with its folds of rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            A dense table of floats; NaN means "not measured".

        Returns
        -------
        list of Block

        Raises
        ------
        ValueError
            As `split`.
        """
        self._check(X)
        n_features, seed = X.shape[1], as_seed(self.random_state)
        block_of = np.arange(n_features) % self.n_blocks
        if self.contiguous:
            block_of = np.arange(n_features) * self.n_blocks // n_features
        else:
            block_of = np.random.default_rng(seed).permutation(block_of)
        columns = block_of == np.arange(self.n_blocks)[:, None]
        beside = np.array([~self._with_gap(block) for block in columns])
        if not beside.any(axis=1).all():
            raise ValueError(
                f"FeatureBlocks with gap={self.gap} leaves nothing to see of {n_features} "
                f"features: lower gap, or take more blocks."
            )
        fold_of: list = []
        contents = X.astype(np.float32, copy=False)
        for group in self._groups():
            visible = beside[group].all(axis=0)  # no row's fold may tell what is hidden of it
            rows = contents.take(np.flatnonzero(visible), axis=1)
            fold_of += [_content_hash(rows, seed) % self.n_folds] * len(group)
        return [Block(*block) for block in zip(columns, beside, fold_of, strict=True)]

    def _groups(self):
        """Numbers of the blocks that share their folds of rows."""
        if self.n_blocks >= MIN_BLOCKS_TO_SHARE_FOLDS:
            return np.array_split(np.arange(self.n_blocks), 2)
        return np.arange(self.n_blocks)[:, None]

    def _with_gap(self, columns):
        """A block and the columns around it that it must not be predicted from."""
        places = np.flatnonzero(columns)
        if self.gap:
            columns = columns.copy()
            columns[max(places[0] - self.gap, 0) : places[-1] + self.gap + 1] = True
        return columns

    def _check(self, X):
        check_count("FeatureBlocks", "n_blocks", self.n_blocks)
        check_count("FeatureBlocks", "n_folds", self.n_folds)
        if not is_whole_number(self.gap) or self.gap < 0 or (self.gap and not self.contiguous):
            raise ValueError(
                f"FeatureBlocks expected gap to be a whole number of columns, and 0 unless "
                f"contiguous=True; got gap={self.gap!r} with contiguous={self.contiguous!r}."
            )
        if X.ndim != 2:
            raise ValueError(
                f"FeatureBlocks expected a table of shape (n_samples, n_features), got shape "
                f"{X.shape}; for images use PixelGrid or RandomPixels."
            )
        if X.shape[1] < self.n_blocks:
            raise ValueError(
                f"FeatureBlocks with n_blocks={self.n_blocks} needs at least as many columns, got "
                f"{X.shape[1]} feature(s), which leaves nothing to see."
            )


def _content_hash(table, seed):
    """A number for each row of float32, which depends on the seed and on its values alone."""
    salt = str(seed).encode()[:16]
    rows = np.ascontiguousarray(table) + np.float32(0)  # -0.0 is 0.0
    text, length = rows.tobytes(), rows.itemsize * rows.shape[1]
    digests = [
        blake2b(text[start : start + length], digest_size=8, salt=salt).digest()
        for start in range(0, len(text), length)
    ]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
