# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""NL-Ridge told that noise is correlated, and how, against what is told its level only.

White noise of standard deviation 20 (of 255), blurred by Gaussians, on crops of 256 x 256 of Set12;
everything is told. Beside it the image is whitened by `NoiseWhitener`, told everything or nothing.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks._pictures import centre, clean_pictures, psnr
from benchmarks.report import Report, options
from selfsupervised import NLRidgeDenoiser, NoiseWhitener, noise_correlation

SIGMA, EDGE, BORDER_PIXELS = 20, 256, 32
BLURS = (0.5, 0.8, 1.2)
COLUMNS = (
    "blur",
    "noisy",
    "white",
    "coloured 7",
    "coloured 10",
    "whitened",
    "blind",
)


def noise_of(blur, seed, edge=EDGE):
    """Noise of unit variance, blurred."""
    white = np.random.default_rng(seed).normal(size=[edge + 2 * BORDER_PIXELS] * 2)
    noise = gaussian_filter(white, blur)[BORDER_PIXELS:-BORDER_PIXELS, BORDER_PIXELS:-BORDER_PIXELS]
    return noise / noise.std()


def main():
    """Print the table."""
    chosen = options(__doc__)
    report = Report("coloured", save=chosen.save)
    images = [centre(image, EDGE) for _, image in clean_pictures("Set12")]
    images = images[: 1 if chosen.quick else None]
    rows = []
    for blur in BLURS:
        correlation = noise_correlation(noise_of(blur, 1, edge=1500), max_lag=8)
        correlation[np.abs(correlation) < 0.004] = 0  # chance
        results = []
        for clean in images:
            noisy = clean + SIGMA * noise_of(blur, 0)
            told = [{}, {"noise_correlation": correlation, "patch_size": 7}]
            told.append({"noise_correlation": correlation})
            outputs = [NLRidgeDenoiser(SIGMA, **each).transform(noisy[None])[0] for each in told]
            for covariance in (SIGMA**2 * correlation, None):
                whitener = NoiseWhitener(NLRidgeDenoiser(1.0), autocovariance=covariance)
                outputs.append(whitener.transform(noisy[None])[0])
            outputs = [noisy, *outputs]
            results.append([psnr(out, clean) for out in outputs])
        rows.append([blur, *np.mean(results, axis=0)])
    report.table(f"mean PSNR in dB, {len(images)} images", COLUMNS, rows)
    report.end(**{f"blur {row[0]}": dict(zip(COLUMNS[1:], map(float, row[1:]))) for row in rows})


if __name__ == "__main__":
    main()
