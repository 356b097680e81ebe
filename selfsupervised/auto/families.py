# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Methods by name: families whose strengths are searched, and networks."""

import numpy as np
from sklearn.model_selection import GridSearchCV

from selfsupervised.auto.blind import Timed
from selfsupervised.classical import (
    BilateralDenoiser,
    GaussianDenoiser,
    MedianDenoiser,
    NLRidgeDenoiser,
    NonLocalMeansDenoiser,
    TotalVariationDenoiser,
    WaveletDenoiser,
)
from selfsupervised.core.words import in_short
from selfsupervised.evaluation.same_split import SameSplit
from selfsupervised.evaluation.scoring import SelfSupervisedScorer
from selfsupervised.noise.level import noise_level
from selfsupervised.wrappers.j_invariant import JInvariantWrapper

# Judging this many pixels tells candidates apart well; on large images a few subsets hold them.
N_JUDGED_PIXELS = 1 << 15

# Strengths to try: in pixels, or in multiples of the noise level ("noise").
FAMILIES = {
    "bilateral": (BilateralDenoiser, "sigma_color", (1.0, 1.5, 2.0, 3.0), "noise"),
    "gaussian": (GaussianDenoiser, "sigma", (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0), "pixels"),
    "median": (MedianDenoiser, "radius", (1, 2, 3, 4, 5), "pixels"),
    "nl_ridge": (NLRidgeDenoiser, "sigma", (1.0,), "noise"),
    "non_local_means": (NonLocalMeansDenoiser, "h", (0.4, 0.55, 0.7, 0.9, 1.2), "noise"),
    "total_variation": (TotalVariationDenoiser, "weight", (0.5, 0.7, 1.0, 1.4, 2.0), "noise"),
    "wavelet": (WaveletDenoiser, "sigma", (0.5, 0.7, 1.0, 1.4, 2.0), "noise"),
}
# Trained on the image itself, with their default parameters.
NETWORKS = {
    "neighbor2neighbor": "Neighbor2NeighborDenoiser",
    "noise2same": "Noise2SameDenoiser",
    "noise2self": "Noise2SelfDenoiser",
    "recorrupted": "RecorruptedDenoiser",
    "self2self": "Self2SelfDenoiser",
    "self2self_plus": "Self2SelfPlusDenoiser",
}


def members(method, image, channel_axis):
    """The denoisers of a family, one for each strength that is worth trying on an image.

    Parameters
    ----------
    method : str
        A name in `FAMILIES`.
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
    channel_axis : {None, -1}

    Returns
    -------
    list of estimator
    """
    family, parameter, strengths, unit = FAMILIES[method]
    scale: float = 1
    if unit == "noise":
        level = noise_level(image, channel_axis=channel_axis)
        scale = level or 0.1 * np.nanstd(image) or 1.0
    return [
        family(channel_axis=channel_axis).set_params(**{parameter: scale * strength})
        for strength in strengths
    ]


def search_members(tried, image, channel_axis, *, loss, n_jobs, random_state, verbose):
    """The fitted search for the member of least self-supervised loss."""
    n_spatial = image.ndim - (channel_axis is not None)
    n_subsets = int(np.ceil(N_JUDGED_PIXELS * 4**n_spatial / np.prod(image.shape[:n_spatial])))
    scorer = SelfSupervisedScorer(loss=loss, n_subsets=n_subsets)
    search = GridSearchCV(
        JInvariantWrapper(tried[0], random_state=random_state),
        {"estimator": tried},
        scoring=Timed(scorer, tried, None, verbose),
        cv=SameSplit(),
        n_jobs=n_jobs,
        error_score="raise",
    )
    search.fit(image[None])
    best = in_short(search.best_estimator_.estimator)
    search.why_ = f"chosen: {best}: the least self-supervised loss, {-search.best_score_:.6g}"
    if verbose:
        print(search.why_)
    return search
