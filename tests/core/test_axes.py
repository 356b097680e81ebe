# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest

from selfsupervised.core.axes import parse_axes

SIZES = dict(zip("TZCYXSQ", (2, 5, 3, 6, 7, 4, 8)))


@pytest.mark.parametrize(
    ("names", "over", "spatial", "counted", "colours"),
    [
        ("YX", None, "YX", "", False),
        ("ZYX", None, "ZYX", "", False),
        ("ZYX", "YX", "YX", "Z", False),
        ("TYX", None, "YX", "T", False),
        ("TYX", "TYX", "TYX", "", False),
        ("CYX", None, "YX", "C", False),
        ("CYX", "CYX", "YX", "", True),
        ("YXS", None, "YX", "", True),
        ("SYX", "YX", "YX", "", True),
        ("TYXS", "TYX", "TYX", "", True),
        ("TZCYX", None, "ZYX", "TC", False),
        ("TZCYX", "ZYX", "ZYX", "TC", False),
        ("TZCYX", "YX", "YX", "TZC", False),
        ("TZCYX", "TYX", "TYX", "ZC", False),
        ("TZCYX", "CZYX", "ZYX", "T", True),
        ("QYX", None, "YX", "Q", False),
        ("XYZ", None, "XYZ", "", False),
        ("tczyx", "zyx", "ZYX", "TC", False),
        ("TX", "TX", "TX", "", False),
    ],
)
def test_grammar(names, over, spatial, counted, colours):
    axes = parse_axes(names, over)
    assert "".join(axes.names[n] for n in axes.spatial) == spatial
    assert axes.counted == counted
    assert (axes.channel is not None) == colours
    shape = tuple(SIZES[letter] for letter in axes.names)
    array = np.arange(np.prod(shape)).reshape(shape)
    images = axes.to_images(array)
    assert images.shape[: len(counted)] == tuple(SIZES[letter] for letter in counted)
    assert images.shape[len(counted) :] == tuple(SIZES[letter] for letter in axes.over)
    assert np.shares_memory(images, array)
    np.testing.assert_array_equal(axes.back(images), array)
    copy = np.zeros_like(array)
    for index in np.ndindex(images.shape[: len(counted)]):
        np.testing.assert_array_equal(axes.image_at(array, index), images[index])
        axes.put(copy, index, images[index])
    np.testing.assert_array_equal(copy, array)
    assert axes.n_images(shape) == np.prod([SIZES[letter] for letter in counted])
    assert parse_axes(names, over) is axes


@pytest.mark.parametrize(
    ("names", "over", "message"),
    [
        ("TZCYX", "YQ", r"over='YQ' names Q, which axes='TZCYX' have not; name some of T, Z, C"),
        ("YYX", None, "different letters, such as 'TZCYX', got Y more than once"),
        ("Y-X", None, "different letters, such as 'TZCYX', got 'Y-X'"),
        ("YX", "", "Expected over to be different letters"),
        ("QX", None, "2 or 3 axes, got 1 with axes='QX' and over=None; name them, such as over"),
        ("TZYX", "T", "An image spans 2 or 3 axes, got 1"),
        ("CYXS", "CYX", "names C, where axes='CYXS' have the colours S already"),
    ],
)
def test_what_is_no_grammar(names, over, message):
    with pytest.raises(ValueError, match=message):
        parse_axes(names, over)
    with pytest.raises(TypeError, match="Expected axes to be letters"):
        parse_axes(3)


def test_shapes():
    axes = parse_axes("TZCYX")
    with pytest.raises(ValueError, match=r"got axes='TZCYX', which are 5, for .*\(3, 4"):
        axes.check((3, 4), caller="denoise()")
    everything = parse_axes("TZYX", "TZYX")
    with pytest.raises(ValueError, match=r"T 2 × Z 3 × Y 4 × X 5 with over='TZYX', which are 4; l"):
        everything.check((2, 3, 4, 5), caller="denoise()")
    everything.check((2, 1, 4, 5), caller="denoise()")
    assert axes.describe((2, 3, 2, 9, 9)) == (
        "T 2 × Z 3 × C 2 × Y 9 × X 9: 4 images, one for each T and C, over ZYX"
    )
    assert parse_axes("YXS").describe((9, 9, 3)) == ("Y 9 × X 9 × S 3: one image over YX in colour")
    assert axes.name_of((3, 0)) == "T 3, C 0"
