from . import estimator_checks, networks
from .auto.auto_denoiser import AutoDenoiser
from .auto.denoise import denoise
from .base import ImageDenoiser
from .classical import (
    BilateralDenoiser,
    GaussianDenoiser,
    MedianDenoiser,
    MovieDenoiser,
    NLRidgeDenoiser,
    NonLocalMeansDenoiser,
    TotalVariationDenoiser,
    WaveletDenoiser,
)
from .core.progress import DenoisingCancelled
from .counts import (
    CountNormalizer,
    LinearRegressionDenoiser,
    NeighborDiffusionDenoiser,
    NormalizedSquaredError,
    PCADenoiser,
    PCADenoiserCV,
    PCARegression,
    TableOutlierRemover,
    denoise_volumes,
)
from .counts.autoencoder import NegativeBinomialAutoencoder
from .displays.calibration import CalibrationDisplay
from .displays.denoising import DenoisingDisplay
from .displays.loss_curve import LossCurveDisplay
from .evaluation.independence import CorrelatedNoiseWarning
from .evaluation.risk import RiskScorer, estimated_risk
from .evaluation.same_split import InSample, SameSplit
from .evaluation.scoring import SelfSupervisedScorer, estimated_psnr, self_supervised_loss
from .images.bayer import BayerPacker
from .images.loading import load
from .images.neighbor2neighbor import Neighbor2NeighborDenoiser
from .images.noise2same import Noise2SameDenoiser
from .images.noise2self import Noise2SelfDenoiser
from .images.recorrupted import RecorruptedDenoiser
from .images.self2self import Self2SelfDenoiser
from .images.self2self_plus import Self2SelfPlusDenoiser
from .noise.correlation import noise_correlation
from .noise.estimate import estimate_noise
from .noise.line import NoiseModel
from .noise.model import ChannelNoise, ImageNoise
from .noise.spectrum import noise_autocovariance
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
from .partitions.fill import fill_missing
from .singlecell import pl, pp
from .wrappers.function import FunctionDenoiser
from .wrappers.j_invariant import JInvariantWrapper
from .wrappers.noise_whitener import NoiseWhitener
from .wrappers.outlier_remover import OutlierRemover
from .wrappers.stacking import StackingDenoiser
from .wrappers.subsampled import SubsampledDenoiser
from .wrappers.variance_stabilizer import VarianceStabilizer

__all__ = [
    "AutoDenoiser",
    "BayerPacker",
    "BilateralDenoiser",
    "CalibrationDisplay",
    "ChannelNoise",
    "CorrelatedNoiseWarning",
    "CountNormalizer",
    "DenoisingCancelled",
    "DenoisingDisplay",
    "FeatureBlocks",
    "FunctionDenoiser",
    "GaussianDenoiser",
    "HeldOutPixels",
    "ImageDenoiser",
    "ImageNoise",
    "InSample",
    "JInvariantWrapper",
    "LinearRegressionDenoiser",
    "LossCurveDisplay",
    "MedianDenoiser",
    "MoleculeSplit",
    "MovieDenoiser",
    "NLRidgeDenoiser",
    "NegativeBinomialAutoencoder",
    "Neighbor2NeighborDenoiser",
    "NeighborDiffusionDenoiser",
    "Noise2SameDenoiser",
    "Noise2SelfDenoiser",
    "NoiseModel",
    "NoiseWhitener",
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
    "RecorruptedDenoiser",
    "Repeats",
    "RiskScorer",
    "SameSplit",
    "Self2SelfDenoiser",
    "Self2SelfPlusDenoiser",
    "SelfSupervisedScorer",
    "SinglePixels",
    "StackingDenoiser",
    "StratifiedPixels",
    "SubsampledDenoiser",
    "TableOutlierRemover",
    "TotalVariationDenoiser",
    "VarianceStabilizer",
    "WaveletDenoiser",
    "denoise",
    "denoise_volumes",
    "estimate_noise",
    "estimated_psnr",
    "estimated_risk",
    "estimator_checks",
    "fill_missing",
    "load",
    "networks",
    "noise_autocovariance",
    "noise_correlation",
    "pl",
    "pp",
    "self_supervised_loss",
]
