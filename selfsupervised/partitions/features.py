# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Blocks of a table for bi-cross-validation (Noise2Self, Section 3.2)."""

from hashlib import blake2b

import numpy as np
from sklearn.base import BaseEstimator

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.seeds import as_seed
from selfsupervised.partitions.pair import Pair, check_count


class FeatureBlocks(BaseEstimator):
    """Blocks of a table, columns by rows, each predicted from the rest (Owen & Perry, 2009).

    A block of columns is predicted from the other columns by a regressor that learned on other
    rows: bi-cross-validation, so that a regressor that memorises its targets gains nothing. A
    row belongs to a fold by what is visible of it, in single precision, not by its place: in
    any subset or order of the rows, a row is predicted by a regressor that did not learn from
    it. (A row that was rounded or shifted in between counts as another row.)

    Parameters
    ----------
    n_blocks : int, default=2
        Number of blocks of columns.
    n_folds : int, default=2
        Number of folds of rows. Half of the columns by half of the rows works well (Noise2Self,
        Section 3.2); more folds leave more rows to learn from, and take longer.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the assignment of columns to blocks and rows to folds.
    """

    def __init__(self, n_blocks=2, *, n_folds=2, random_state=0):
        self.n_blocks = n_blocks
        self.n_folds = n_folds
        self.random_state = random_state

    def get_n_splits(self, X=None, *, channel_axis=None):
        """Number of blocks times number of folds."""
        return self.n_blocks * self.n_folds

    def split(self, X, *, channel_axis=None):
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
            `seen` holds NaN in the hidden block, `where` is True there, and `columns` says
            which columns the block is of.

        Raises
        ------
        ValueError
            If there are fewer columns than blocks.
        """
        check_count("FeatureBlocks", "n_blocks", self.n_blocks)
        check_count("FeatureBlocks", "n_folds", self.n_folds)
        X = Measurement.of_array(X, caller="FeatureBlocks.split").data
        if X.ndim != 2:
            raise ValueError(
                f"FeatureBlocks expected a table of shape (n_samples, n_features), got shape "
                f"{X.shape}; for images use PixelGrid or RandomPixels."
            )
        n_features = X.shape[1]
        if n_features < self.n_blocks:
            raise ValueError(
                f"FeatureBlocks with n_blocks={self.n_blocks} needs at least as many columns, got "
                f"{n_features} feature(s), which leaves nothing to see."
            )
        seed = as_seed(self.random_state)
        block_of = np.random.default_rng(seed).permutation(np.arange(n_features) % self.n_blocks)
        for block in range(self.n_blocks):
            columns = block_of == block
            fold_of = _content_hash(X[:, ~columns], seed) % self.n_folds
            for fold in range(self.n_folds):
                where = (fold_of == fold)[:, None] & columns
                seen = np.where(where, X.dtype.type(np.nan), X)
                yield Pair(seen, X[where], where, columns=columns)


def _content_hash(table, seed):
    """A number for each row that depends on the seed and on the row's values alone."""
    salt = str(seed).encode()[:16]
    rows = np.ascontiguousarray(table, dtype=np.float32) + np.float32(0)  # -0.0 is 0.0
    digests = (blake2b(row.tobytes(), digest_size=8, salt=salt).digest() for row in rows)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
