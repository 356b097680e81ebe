# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Draw the README's picture: noisy, denoised, and what was removed, brightened around grey."""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio
from skimage.transform import downscale_local_mean

import selfsupervised as ss

SIGMA, GAP_PIXELS, TOP, LEFT, EDGE = 20, 6, 20, 60, 168


def main():
    clean = downscale_local_mean(data.camera().astype(float), (2, 2))
    noisy = clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape)
    denoised = ss.denoise(noisy)
    for name, image in (("noisy", noisy), ("denoised", denoised)):
        print(name, round(peak_signal_noise_ratio(clean, image, data_range=255), 2), "dB")
    shown = [noisy, denoised, 128 + noisy - denoised]
    part = np.s_[TOP : TOP + EDGE, LEFT : LEFT + EDGE]
    gap = np.full((EDGE, GAP_PIXELS), 255.0)
    row = np.hstack([shown[0][part], gap, shown[1][part], gap, shown[2][part]])
    image = Image.fromarray(np.clip(np.rint(row), 0, 255).astype(np.uint8))
    image.save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
