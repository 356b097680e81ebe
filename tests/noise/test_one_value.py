# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pages and masks tell their noise even where it is weak and no place is flat for long."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.transform import resize

from selfsupervised import estimate_noise
from selfsupervised.noise.cleaning import clean_plane
from selfsupervised.noise.one_value import level_around_one_value

EDGE = 96


def page(rng):
    """Ink of 30 on 235: no place is further than five pixels from ink."""
    ink = np.zeros((EDGE, EDGE))
    ink[rng.integers(0, EDGE, 700), rng.integers(0, EDGE, 700)] = 1
    return 235 - 205 * ink


def mask(rng):
    """Both values at an end of the range, where noise is cut off."""
    return np.where(gaussian_filter(rng.normal(size=(EDGE, EDGE)), 8) > 0, 255.0, 0.0)


def eight_bits(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("image", "low", "high"), [(page, 0.65, 0.9), (mask, 0.4, 0.9)])
def test_weak_noise_of_what_has_one_value(rng, image, low, high):
    clean = image(rng)
    noisy = clean + rng.normal(0, 0.7, clean.shape)
    assert low < estimate_noise(eight_bits(noisy), "full").channels[0].level < high
    assert estimate_noise(eight_bits(clean), "full").channels[0].level == 0


def smooth(rng):
    """Rounded only: neighbours are off alike."""
    return 100 + 0.5 * gaussian_filter(rng.normal(size=(EDGE, EDGE)), 6) / 0.047


def dithered(rng):
    """Two values side by side are no noise around one."""
    return 100 + 100.0 * (np.indices((EDGE, EDGE)).sum(0) % 2)


def almost_nothing(rng):
    """No value lies where most of them are on average."""
    return np.where(np.indices((EDGE, EDGE)).sum(0) % 2, 1.0, 3.0)


def grain(rng):
    """A photograph, whose own grain is weak."""
    return resize(data.moon().astype(float), (EDGE, EDGE), anti_aliasing=True)


@pytest.mark.parametrize("image", [smooth, dithered, almost_nothing, grain])
def test_what_has_no_such_value(rng, image):
    channel = np.rint(image(rng))
    assert level_around_one_value(channel, 1.0, 0.7) == 0


def test_bright_points_of_all_heights_are_no_salt(rng):
    """Many bright pixels of all heights belong to the image; bright and dark ones do not."""
    sky = rng.normal(100, 1, (EDGE, EDGE))
    where = rng.random(sky.shape) < 0.05
    heights = np.exp(rng.uniform(3, 7, where.sum()))
    bright, both = sky.copy(), sky.copy()
    bright[where] += heights
    both[where] += heights * rng.choice([-1, 1], where.sum())
    assert not clean_plane(bright).many
    assert clean_plane(both).many
    # Pixels that are missing do not change the verdict.
    both[rng.random(sky.shape) < 0.05] = np.nan
    assert clean_plane(both).many
