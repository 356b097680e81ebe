# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoisers of tables and counts."""

from selfsupervised.counts.normalizer import CountNormalizer
from selfsupervised.counts.pca import PCADenoiser
from selfsupervised.counts.pca_cv import PCADenoiserCV
from selfsupervised.counts.pca_regression import PCARegression

__all__ = ["CountNormalizer", "PCADenoiser", "PCADenoiserCV", "PCARegression"]
