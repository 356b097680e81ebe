# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Classical denoisers, one a file, each through SciPy or scikit-image where these serve."""

from selfsupervised.classical.bilateral import BilateralDenoiser
from selfsupervised.classical.gaussian import GaussianDenoiser
from selfsupervised.classical.median import MedianDenoiser
from selfsupervised.classical.movie import MovieDenoiser
from selfsupervised.classical.nl_ridge import NLRidgeDenoiser
from selfsupervised.classical.non_local_means import NonLocalMeansDenoiser
from selfsupervised.classical.total_variation import TotalVariationDenoiser
from selfsupervised.classical.wavelet import WaveletDenoiser

__all__ = [
    "BilateralDenoiser",
    "GaussianDenoiser",
    "MedianDenoiser",
    "MovieDenoiser",
    "NLRidgeDenoiser",
    "NonLocalMeansDenoiser",
    "TotalVariationDenoiser",
    "WaveletDenoiser",
]
