# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""NL-Ridge told that noise is correlated, and how, against what is told its level only.

White noise of standard deviation 20 (of 255), blurred by Gaussians, on crops of 256 x 256 of Set12
(`--edge 512`: on whole images); everything is told. Beside it the image is whitened by
`NoiseWhitener`, told everything or nothing, and denoised by BM3D, told everything, and by
denoise(), told nothing.
"""

import sys

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks._pictures import centre, clean_pictures, psnr
from benchmarks.classical import bm3d
from benchmarks.report import Report, options
from selfsupervised import NLRidgeDenoiser, NoiseWhitener, denoise, noise_correlation
from selfsupervised.noise.spectrum import root_spectrum

SIGMA, EDGE, BORDER_PIXELS = 20, 256, 32
BLURS = (0.5, 0.8, 1.2)
COLUMNS = (
    "blur",
    "noisy",
    "white",
    "coloured 7",
    "coloured 10",
    "whitened",
    "whitened, blind",
    "denoise()",
    "BM3D",
)


def noise_of(blur, seed, shape):
    """Noise of unit variance, blurred."""
    larger = [size + 2 * BORDER_PIXELS for size in shape]
    white = np.random.default_rng(seed).normal(size=larger)
    noise = gaussian_filter(white, blur)[BORDER_PIXELS:-BORDER_PIXELS, BORDER_PIXELS:-BORDER_PIXELS]
    return noise / noise.std()


def by_bm3d(noisy, covariance):
    """BM3D told the spectrum of the noise; NaN where it is not installed."""
    if bm3d is None:
        return np.full_like(noisy, np.nan)
    half = np.square(root_spectrum(covariance, noisy.shape)) * noisy.size
    lines = np.arange(noisy.shape[1])
    # It asks for both halves of the spectrum, which are alike.
    both = half[:, np.minimum(lines, noisy.shape[1] - lines)]
    return bm3d.bm3d(noisy, both)


def main():
    """Print the table."""
    chosen = options(__doc__, edge=(EDGE, "pixels of the middle of each image that are used"))
    report = Report("coloured", chosen.save, "" if chosen.edge == EDGE else str(chosen.edge))
    images = [centre(image, chosen.edge) for _, image in clean_pictures("Set12")]
    images = images[: 1 if chosen.quick else None]
    rows = []
    for blur in BLURS:
        correlation = noise_correlation(noise_of(blur, 1, (1500, 1500)), max_lag=8)
        correlation[np.abs(correlation) < 0.004] = 0  # chance
        results = []
        for clean in images:
            noisy = clean + SIGMA * noise_of(blur, 0, clean.shape)
            told = [{}, {"noise_correlation": correlation, "patch_size": 7}]
            told.append({"noise_correlation": correlation})
            outputs = [NLRidgeDenoiser(SIGMA, **each).transform(noisy[None])[0] for each in told]
            for covariance in (SIGMA**2 * correlation, None):
                whitener = NoiseWhitener(NLRidgeDenoiser(1.0), autocovariance=covariance)
                outputs.append(whitener.transform(noisy[None])[0])
            outputs += [denoise(noisy), by_bm3d(noisy, SIGMA**2 * correlation)]
            outputs = [noisy, *outputs]
            results.append([psnr(out, clean) for out in outputs])
            print(blur, np.round(results[-1], 2), file=sys.stderr, flush=True)
        rows.append([blur, *np.mean(results, axis=0)])
    report.table(f"mean PSNR in dB, {len(images)} images", COLUMNS, rows)
    report.end(**{f"blur {row[0]}": dict(zip(COLUMNS[1:], map(float, row[1:]))) for row in rows})


if __name__ == "__main__":
    main()
