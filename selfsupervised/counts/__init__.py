# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoisers of tables and counts."""

from selfsupervised.counts.diffusion import NeighborDiffusionDenoiser
from selfsupervised.counts.linear_regression import LinearRegressionDenoiser
from selfsupervised.counts.normalized_error import NormalizedSquaredError
from selfsupervised.counts.normalizer import CountNormalizer
from selfsupervised.counts.pca import PCADenoiser
from selfsupervised.counts.pca_cv import PCADenoiserCV
from selfsupervised.counts.pca_regression import PCARegression
from selfsupervised.counts.table_outliers import TableOutlierRemover
from selfsupervised.counts.volumes import denoise_volumes

__all__ = [
    "CountNormalizer",
    "LinearRegressionDenoiser",
    "NeighborDiffusionDenoiser",
    "NormalizedSquaredError",
    "PCADenoiser",
    "PCADenoiserCV",
    "PCARegression",
    "TableOutlierRemover",
    "denoise_volumes",
]
