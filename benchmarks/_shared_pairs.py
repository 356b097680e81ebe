# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images with noise that neighbours share, real and made, and the clean ones."""

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks._pictures import clean_pictures, pairs


def _real(name, start, axis):
    def triples(quick):
        return [
            (stem, noisy, clean, axis) for stem, noisy, clean in pairs(name, start, quick=quick)
        ]

    return triples


def _synthetic(widths):
    """Set12 with noise of 20 blurred by so many pixels along each axis."""

    def triples(quick):
        found = []
        for number, (stem, clean) in enumerate(clean_pictures("Set12", quick=quick)):
            noise = np.random.default_rng(number).normal(size=clean.shape)
            noise = gaussian_filter(noise, widths)
            found.append((stem, clean + 20 * noise / noise.std(), clean.astype(float), None))
        return found

    return triples


def _stripes(quick):
    """Set12 with noise of 20, half of its variance that of whole rows."""
    found = []
    for number, (stem, clean) in enumerate(clean_pictures("Set12", quick=quick)):
        rng = np.random.default_rng(number)
        noise = rng.normal(size=clean.shape) + rng.normal(size=(len(clean), 1))
        found.append((stem, clean + 20 * noise / noise.std(), clean.astype(float), None))
    return found


CORRELATED = {
    "FMD, wide field": _real("FMD_testmix", "WideField", None),
    "FMD, confocal": _real("FMD_testmix", "Confocal", None),
    "FMD, two-photon": _real("FMD_testmix", "TwoPhoton", None),
    "N2F, confocal": _real("N2F_Confocal", "", None),
    "SIDD, phones": _real("SIDD_samples", "", -1),
    "PolyU, cameras": _real("PolyU", "", -1),
    "Set12, 20 blurred by 0.5": _synthetic(0.5),
    "Set12, 20 blurred by 0.8": _synthetic(0.8),
    "Set12, 20 blurred by 1.2": _synthetic(1.2),
    "Set12, 20 along rows": _synthetic((0, 1)),
    "Set12, 20 in stripes": _stripes,
}
