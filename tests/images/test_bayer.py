# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import selfsupervised as ss

PATTERNS = ["RGGB", "BGGR", "GRBG", "GBRG"]


def mosaic(pattern, shape=(6, 8)):
    """Frames whose pixels say their colour: R 1000, G of red rows 2000, of blue 3000, B 4000."""
    frame = np.empty(shape)
    for place, colour in enumerate(pattern):
        row, column = divmod(place, 2)
        value = {"R": 1000, "B": 4000, "G": 2000 if "R" in pattern[2 * row :][:2] else 3000}
        frame[row::2, column::2] = value[colour]
    return frame + np.arange(frame.size).reshape(shape)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_channels_are_the_colours_of_any_pattern(pattern):
    frame = mosaic(pattern)
    packed = ss.BayerPacker(pattern).transform(frame[None])
    assert packed.shape == (1, 3, 4, 4)
    np.testing.assert_array_equal(packed[0] // 1000, np.broadcast_to([1, 2, 3, 4], (3, 4, 4)))
    other = PATTERNS[PATTERNS.index(pattern) - 1]
    assert (ss.BayerPacker(other).transform(frame[None]) // 1000 != packed // 1000).any()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.uint16, np.int64, bool])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_packing_is_undone_exactly(pattern, dtype, rng):
    frames = rng.integers(0, 4096, (2, 6, 8)).astype(dtype)
    packer = ss.BayerPacker(pattern)
    packed = packer.transform(frames)
    back = packer.inverse_transform(packed)
    assert packed.dtype == back.dtype == (dtype if np.dtype(dtype).kind == "f" else np.float64)
    np.testing.assert_array_equal(back, frames)


@pytest.mark.parametrize("white", [None, 16383])
def test_levels(white, rng):
    frames = rng.integers(200, 16384, (2, 6, 8)).astype(np.uint16)
    frames[0, :2, :2] = [[512, 16383], [16383, 512]]
    packer = ss.BayerPacker("RGGB", black_level=512, white_level=white)
    packed = packer.transform(frames)
    np.testing.assert_allclose(packed[0, 0, 0], [0, *2 * [1 if white else 15871], 0])
    assert packed.min() < 0  # below black is kept
    back = packer.inverse_transform(packed)
    np.testing.assert_allclose(back, frames, rtol=1e-15)
    np.testing.assert_array_equal(np.rint(back), frames)
    assert packer.transform(frames.astype(np.float32)).dtype == np.float32


def test_missing_masked_and_lists(rng):
    frames = [rng.normal(size=(4, 6)), rng.normal(size=(8, 2)).astype(np.float32)]
    frames[0][1, 2] = np.nan
    packer = ss.BayerPacker("GBRG", white_level=2)
    packed = packer.transform(frames)
    assert [image.shape for image in packed] == [(2, 3, 4), (4, 1, 4)]
    assert [image.dtype for image in packed] == [np.float64, np.float32]
    assert np.isnan(packed[0]).sum() == 1
    for back, frame in zip(packer.inverse_transform(packed), frames, strict=True):
        np.testing.assert_array_equal(back, frame)
    masked = np.ma.masked_invalid(frames[0])[None]
    np.testing.assert_array_equal(packer.transform(masked)[0], packed[0])


def test_denoised_mosaic_of_a_pipeline(rng):
    clean = 1000 + 500 * np.kron(np.ones((16, 16)), [[0.0, 1.0], [1.0, 2.0]])
    noisy = clean + rng.normal(0, 50, clean.shape)
    pipe = make_pipeline(ss.BayerPacker("RGGB"), ss.GaussianDenoiser(2, channel_axis=-1))
    back = clone(pipe).fit(noisy[None])[0].inverse_transform(pipe.transform(noisy[None]))[0]
    assert back.shape == noisy.shape
    assert np.abs(back - clean).mean() < 0.3 * np.abs(noisy - clean).mean()


def test_pipeline_with_a_network(rng):
    torch = pytest.importorskip("torch")
    pytest.importorskip("skorch")
    frames = rng.integers(64, 1024, (1, 32, 36)).astype(np.uint16)
    network = torch.nn.Conv2d(4, 4, 3, padding=1)
    denoiser = ss.Neighbor2NeighborDenoiser(network, max_steps=2, channel_axis=-1)
    pipe = make_pipeline(ss.BayerPacker("GRBG", black_level=64, white_level=1023), denoiser)
    packed = pipe.fit(frames).transform(frames)
    assert packed.shape == (1, 16, 18, 4)
    assert pipe[0].inverse_transform(packed).shape == frames.shape


def test_input_unmodified(rng):
    frames = rng.normal(size=(1, 4, 4))
    before = frames.copy()
    packer = ss.BayerPacker(black_level=3)
    packed = packer.transform(frames)
    kept = packed.copy()
    packer.inverse_transform(packed)
    np.testing.assert_array_equal(frames, before)
    np.testing.assert_array_equal(packed, kept)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.ones((1, 5, 4)), r"even height and width, got shape \(1, 5, 4\); leave out"),
        (
            [np.ones((4, 4)), np.ones((4, 3))],
            r"got shape \[\(4, 4\), \(4, 3\)\]; leave out",
        ),
        (np.ones((4, 4)), r"X\[None\]"),
        (np.ones((1, 4, 4, 3)), r"raw frames .* got shape \(1, 4, 4, 3\); pass the mosaic"),
    ],
)
def test_what_is_no_frame(X, message):
    with pytest.raises(ValueError, match=message):
        ss.BayerPacker().fit(X)


@pytest.mark.parametrize("shape", [(1, 4, 4, 3), (1, 4, 4, 4, 4), (1, 4, 4)])
def test_what_is_not_packed(shape):
    with pytest.raises(ValueError, match="BayerPacker expected .* got"):
        ss.BayerPacker().inverse_transform(np.ones(shape))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pattern": "RGB"}, "'pattern' parameter of BayerPacker must be a str among"),
        ({"black_level": np.inf}, "'black_level' parameter of BayerPacker must be"),
        ({"black_level": 64, "white_level": 64}, "white_level above black_level=64, got"),
    ],
)
def test_parameters(parameters, message):
    packer = ss.BayerPacker(**parameters)
    for act in (packer.fit, packer.transform):
        with pytest.raises(ValueError, match=message):
            act(np.ones((1, 4, 4)))
