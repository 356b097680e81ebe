# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""From the expectation of transformed Poisson counts back to that of the counts.

The mean of square roots is not the square root of the mean: of counts with mean 0.1 it is
0.098, whose square is 0.0096. What a denoiser says of transformed counts is such a mean.
"""

import numpy as np
from scipy import stats

FORWARD = {"sqrt": np.sqrt, "log1p": np.log1p}
INVERSE = {"sqrt": np.square, "log1p": np.expm1}
# -h''(x) / (2 h'(x)) of h = sqrt, and of h = log1p.
CURVATURE = {"sqrt": lambda x: 0.25 / x, "log1p": lambda x: 0.5 / (1 + x)}

MAX_TABULATED_MEAN = 100.0  # mean from which two terms of a Taylor series are good to 1e-4
TABULATED_MEANS = np.concatenate([[0], np.geomspace(1e-4, MAX_TABULATED_MEAN, 400)])
TABULATED_COUNTS = np.arange(200)


def expected_counts(values, scale, transformation):
    """Means m of Poisson counts x of which ``E h(scale * x)`` is given, h the transformation.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
        Expectations of transformed counts. Negative ones, which denoising may leave, give zero.
    scale : ndarray of shape (n_samples,)
        What the counts of each sample were multiplied by before the transformation. Zero, of
        a sample without counts, gives zero.
    transformation : {"sqrt", "log1p", None}

    Returns
    -------
    ndarray of shape (n_samples, n_features)
    """
    empty = scale <= 0
    scale = np.where(empty, 1, scale)[:, None].astype(values.dtype)
    values = np.maximum(values, 0)
    if transformation is None:
        means = values / scale
    else:
        scaled = INVERSE[transformation](values)
        means = scaled / scale + scaled * CURVATURE[transformation](np.maximum(scaled, 1e-30))
        small = means < MAX_TABULATED_MEAN
        means[small] = _from_table(values, scale, transformation)[small]
    means[empty] = 0
    return means


def _from_table(values, scale, transformation):
    probabilities = _probabilities()
    if transformation == "sqrt":  # sqrt(scale * x) = sqrt(scale) * sqrt(x): one table for all
        return np.interp(
            values / np.sqrt(scale), probabilities @ np.sqrt(TABULATED_COUNTS), TABULATED_MEANS
        )
    tables = np.log1p(scale * TABULATED_COUNTS) @ probabilities.T
    return np.stack([np.interp(row, table, TABULATED_MEANS) for row, table in zip(values, tables)])


def _probabilities():
    return stats.poisson.pmf(TABULATED_COUNTS, TABULATED_MEANS[:, None])
