from . import pl, pp
from ._base import ImageDenoiser
from ._denoise import denoise
from ._function import FunctionDenoiser
from .classical import (
    BilateralDenoiser,
    GaussianDenoiser,
    MedianDenoiser,
    NLRidgeDenoiser,
    NonLocalMeansDenoiser,
    TotalVariationDenoiser,
    WaveletDenoiser,
)
from .correlation import CorrelatedNoiseWarning, noise_correlation
from .counts import (
    CountNormalizer,
    NeighborDiffusionDenoiser,
    NormalizedSquaredError,
    PCADenoiser,
    PCADenoiserCV,
    PCARegression,
)
from .counts.autoencoder import NegativeBinomialAutoencoder
from .fill import fill_missing
from .images.bayer import BayerPacker
from .images.loading import load
from .images.neighbor2neighbor import Neighbor2NeighborDenoiser
from .images.noise2same import Noise2SameDenoiser
from .images.noise2self import Noise2SelfDenoiser
from .images.self2self import Self2SelfDenoiser
from .images.self2self_plus import Self2SelfPlusDenoiser
from .j_invariant import JInvariantWrapper
from .model_selection import InSample
from .noise import NoiseModel, estimate_noise
from .outliers import OutlierRemover
from .partitions import (
    FeatureBlocks,
    HeldOutPixels,
    MoleculeSplit,
    Pair,
    PixelGrid,
    PixelPartition,
    RandomPixels,
    Repeats,
    SinglePixels,
    StratifiedPixels,
)
from .scoring import SelfSupervisedScorer, estimated_psnr, self_supervised_loss
from .variance_stabilizer import VarianceStabilizer

__all__ = [
    "BayerPacker",
    "BilateralDenoiser",
    "CorrelatedNoiseWarning",
    "CountNormalizer",
    "FeatureBlocks",
    "FunctionDenoiser",
    "GaussianDenoiser",
    "HeldOutPixels",
    "ImageDenoiser",
    "InSample",
    "JInvariantWrapper",
    "MedianDenoiser",
    "MoleculeSplit",
    "NLRidgeDenoiser",
    "NegativeBinomialAutoencoder",
    "Neighbor2NeighborDenoiser",
    "NeighborDiffusionDenoiser",
    "Noise2SameDenoiser",
    "Noise2SelfDenoiser",
    "NoiseModel",
    "NonLocalMeansDenoiser",
    "NormalizedSquaredError",
    "OutlierRemover",
    "PCADenoiser",
    "PCADenoiserCV",
    "PCARegression",
    "Pair",
    "PixelGrid",
    "PixelPartition",
    "RandomPixels",
    "Repeats",
    "Self2SelfDenoiser",
    "Self2SelfPlusDenoiser",
    "SelfSupervisedScorer",
    "SinglePixels",
    "StratifiedPixels",
    "TotalVariationDenoiser",
    "VarianceStabilizer",
    "WaveletDenoiser",
    "denoise",
    "estimate_noise",
    "estimated_psnr",
    "fill_missing",
    "load",
    "noise_correlation",
    "pl",
    "pp",
    "self_supervised_loss",
]
