# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images that are larger than memory, block by block: nothing is left out, no seam is seen."""

from dataclasses import replace

import numpy as np
import pytest

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.auto.blocks import BYTES_PER_VALUE, GIB, blocks_within
from selfsupervised.auto.series import denoise_each
from selfsupervised.core.axes import parse_axes

SIGMA = 10.0


def noisy(shape, seed=0):
    return 200 * smooth_image(shape) + np.random.default_rng(seed).normal(0, SIGMA, shape)


def within(n_values, shape, **options):
    return blocks_within(n_values * BYTES_PER_VALUE, shape, **options)


def denoised(array, axes, method, blocks, **options):
    """The result, what was chosen, and how many values were read at a time."""
    out, sizes, axes = np.zeros_like(array), [], parse_axes(*axes.split())

    def read(index, part=None):
        sizes.append(axes.image_at(array, index, part).size)
        return axes.image_at(array, index, part)

    def write(index, part, denoised):
        assert not axes.image_at(out, index, part).any()  # each pixel is written once
        axes.put(out, index, denoised, part)

    counted = tuple(array.shape[axis] for axis in axes.batch)
    found = denoise_each(axes, counted, read, write, method, blocks=blocks, **options)
    return out, found, sizes


@pytest.mark.parametrize(
    ("shape", "chunks"),
    [((300, 90), None), ((300, 290), (50, 64)), ((100, 41, 60), (7, 9, 20)), ((1, 200, 130), None)],
)
def test_blocks_are_the_image(shape, chunks):
    blocks = within(0.5 * np.prod(shape), shape, chunks=chunks)
    count = np.zeros(shape, int)
    for place in blocks.places():
        count[place.kept] += 1
        seen = np.empty(shape)[place.seen]
        assert seen.size <= 0.5 * np.prod(shape)
        assert seen[place.inside].shape == count[place.kept].shape
        for cut, unit in zip(place.kept, chunks or [16] * len(shape), strict=True):
            assert cut.start % unit == 0 or unit > blocks.edge - 2 * blocks.margin
    assert (count == 1).all()
    assert blocks.sample(lambda part: np.empty(shape)[part]).size <= 0.5 * np.prod(shape)


def test_memory_that_is_enough_and_too_little():
    assert within(64 * 64, (64, 64)) is None
    assert within(300 * 300, (300, 300), n_channels=2).edge == 212
    with pytest.raises(ValueError, match=r"blocks of 80 pixels .* is 0.0018 GiB, got 1e-06"):
        blocks_within(1e-6 * GIB, (640, 640))


def apart_at_seams(out, whole, blocks):
    beside = np.zeros(whole.shape, bool)
    for place in blocks.places():
        for axis, cut in enumerate(place.kept):
            if cut.start:
                np.moveaxis(beside, axis, 0)[cut.start - 2 : cut.start + 2] = True
    assert beside.any()
    return np.sqrt(np.mean(np.square(out - whole)[beside])) / SIGMA


@pytest.mark.parametrize(
    ("method", "shape", "tolerance"),
    [
        (ss.GaussianDenoiser(2.0), (150, 90), 1e-9),
        (ss.GaussianDenoiser(2.0), (50, 60, 48), 1e-9),
        (ss.MedianDenoiser(2), (150, 90), 1e-9),
        (ss.NonLocalMeansDenoiser(SIGMA), (150, 90), 1e-9),
        (ss.TotalVariationDenoiser(SIGMA), (150, 90), 0.05),
        (ss.NLRidgeDenoiser(SIGMA, patch_size=4, window=17), (150, 90), 0.05),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else str(value),
)
def test_seams_do_not_show(method, shape, tolerance):
    """Root mean square difference to the whole image beside seams, in units of the noise."""
    image = noisy(shape)
    blocks = within(0.8 * image.size, shape)
    axes = "ZYX"[-len(shape) :]
    out, (found,), sizes = denoised(image, axes, method, blocks)
    assert len(sizes) > 2 and max(sizes) <= 0.8 * image.size
    whole = found.transform(image[None])[0]

    assert apart_at_seams(out, whole, blocks) < tolerance
    side_by_side = replace(blocks, margin=0)  # the negative control
    out, _, _ = denoised(image, axes, method, side_by_side)
    assert apart_at_seams(out, whole, side_by_side) > 0.1


@pytest.mark.parametrize("method", ["gaussian", ss.GaussianDenoiser(1.0)], ids=["search", "one"])
def test_many_images_and_what_was_not_measured(method):
    """One choice for all, of parts; what is blank stays so, and holes are filled."""
    array = noisy((3, 150, 120))
    array[1] = np.nan
    array[0, :90] = np.nan
    said = []
    blocks = within(100 * 120, (150, 120))
    out, found, sizes = denoised(array, "TYX", method, blocks, say=said.append)
    assert max(sizes) <= 100 * 120
    assert len(found) == 1 and len(said) == 1
    assert np.isnan(out[1]).all()
    assert np.isfinite(out[2]).all()
    clean = 200 * smooth_image((3, 150, 120))
    assert np.std(out[2] - clean[2]) < 0.7 * SIGMA


def test_channels_and_masks():
    array = np.ma.masked_less(noisy((3, 150, 120)), 20)
    blocks = within(3 * 100 * 120, (150, 120), n_channels=3)
    method = ss.GaussianDenoiser(1.0, channel_axis=-1)
    out, _, _ = denoised(array, "SYX", method, blocks)
    whole = ss.denoise(array, method, channel_axis=0)
    np.testing.assert_allclose(np.ma.getdata(out), np.ma.getdata(whole))
