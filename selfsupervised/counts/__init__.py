# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoisers of tables and counts."""

from selfsupervised.counts.diffusion import NeighborDiffusionDenoiser
from selfsupervised.counts.normalized_error import NormalizedSquaredError
from selfsupervised.counts.pca_regression import PCARegression

__all__ = ["NeighborDiffusionDenoiser", "NormalizedSquaredError", "PCARegression"]
