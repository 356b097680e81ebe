# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The door: what comes in, and how it is given back."""

import dataclasses

import numpy as np
import pytest

from selfsupervised.core.measurement import Measurement

WHO = {"caller": "somebody"}


@pytest.mark.parametrize(
    ("dtype", "computed", "returned"),
    [
        (np.uint8, np.float64, np.float64),
        (bool, np.float64, np.float64),
        (np.float16, np.float32, np.float16),
        (np.float32, np.float32, np.float32),
        (np.float64, np.float64, np.float64),
        (np.longdouble, np.float64, np.float64),
    ],
)
def test_dtypes_of_estimators(dtype, computed, returned):
    X = np.ones((2, 4, 5), dtype)
    measured = Measurement.of_images(X, **WHO)
    assert measured.data.dtype == computed
    assert measured.give_back(measured.data).dtype == returned
    assert measured.give_back(list(measured.data)).shape == X.shape
    assert (measured.n_spatial, len(measured), measured.is_table) == (2, 2, False)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64, bool, np.float16, np.float32])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, 2])
def test_a_bare_image_comes_back_as_it_was(dtype, axis):
    image = np.random.default_rng(0).integers(0, 2, (3, 4, 5)).astype(dtype)
    measured = Measurement.of_image(image, channel_axis=axis, **WHO)
    assert measured.channel_axis == (None if axis is None else -1)
    out = measured.give_back(measured.data)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, image)


def test_integers_are_rounded_and_clipped():
    for dtype in (np.uint8, np.int16, np.int64, np.uint64):
        measured = Measurement.of_image(np.ones((2, 2), dtype), **WHO)
        out = measured.give_back(np.array([[[-1e30, 0.6], [2.4, 1e30]]]))
        limits = np.iinfo(dtype)
        assert out.dtype == dtype
        assert (out[0, 1], out[1, 0], out[0, 0]) == (1, 2, limits.min)
        assert out[1, 1] >= limits.max - 2**11  # the largest that float64 holds


def test_lists_keep_their_dtypes():
    images = [np.ones((3, 4), np.float16), np.ones((5, 2), np.uint8)]
    measured = Measurement.of_images(images, **WHO)
    back = measured.give_back(measured.data)
    assert [image.dtype for image in back] == [np.float16, np.float64]
    assert [image.shape for image in back] == [(3, 4), (5, 2)]


def test_masks_are_what_was_not_measured():
    X = np.ma.array(np.ones((1, 3, 3), np.uint8), mask=np.eye(3, dtype=bool)[None])
    measured = Measurement.of_images(X, **WHO)
    np.testing.assert_array_equal(np.isnan(measured.data[0]), np.eye(3, dtype=bool))


def test_it_is_immutable_and_copies_nothing():
    X = np.ones((1, 3, 3))
    measured = Measurement.of_images(X, **WHO)
    assert measured.data is X
    with pytest.raises(dataclasses.FrozenInstanceError):
        measured.data = X


@pytest.mark.parametrize(
    ("image", "axis", "error", "message"),
    [
        (np.ones((3, 3)), 2, ValueError, r"channel_axis=2 for an image of shape \(3, 3\)"),
        (np.ones((3, 3, 3)), "last", TypeError, "channel_axis to be an integer, got 'last'"),
        (np.ones((3, 3, 3)), True, TypeError, "channel_axis to be an integer, got True"),
        (np.ones((3, 3)), -1, ValueError, "2 or 3 spatial axes, got 1 beside channel_axis=-1"),
        (np.ones((2, 3, 3, 3)), None, ValueError, "pass channel_axis"),
        (np.full((3, 3), np.nan), None, ValueError, "without any measured pixel"),
        (np.array([[np.inf]]), None, ValueError, "contains infinity"),
        (np.array([["a"]]), None, TypeError, "expected numbers"),
    ],
)
def test_what_no_image_is(image, axis, error, message):
    with pytest.raises(error, match=message):
        Measurement.of_image(image, channel_axis=axis, **WHO)
