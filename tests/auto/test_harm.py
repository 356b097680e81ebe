# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""denoise() never makes an image worse: each kind of image that was harmed before.

The former rule, the J-invariant loss alone, is still there in `auto.blind`; where it fails
cheaply it is the control.
"""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageDraw, ImageFont
from skimage import data
from skimage.transform import resize

import selfsupervised as ss
from selfsupervised.auto import blind
from selfsupervised.auto.guard import _surprise, guarded
from selfsupervised.noise import cleaning

EDGE = 96


def psnr(image, clean, where=...):
    error = np.mean(np.square(np.asarray(image, float) - clean)[where])
    return 10 * np.log10(np.ptp(clean) ** 2 / error) if error else np.inf


def camera(edge=EDGE):
    return resize(data.camera().astype(float), (edge, edge), anti_aliasing=True)


def stars(edge=EDGE):
    rng = np.random.default_rng(1)
    sky = np.full((edge, edge), 100.0)
    n = edge * edge // 218
    sky[tuple(rng.integers(0, edge, (2, n)))] += np.exp(rng.uniform(3.4, 8.0, n))
    return sky


def curves(edge=EDGE):
    sheet, x = np.full((edge, edge), 255.0), np.arange(edge)
    for phase in (0.0, 1.0, 2.5):
        y = np.rint(edge / 2 + edge / 3 * np.sin(phase + 6 * x / edge)).astype(int)
        for step in range(3):
            sheet[np.clip(y + step - 1, 0, edge - 1), x] = 0
    return sheet


def thin_lines(edge=EDGE):
    sheet, rng = np.full((edge, edge), 40.0), np.random.default_rng(2)
    for y, slope in zip(rng.integers(0, edge, 12), rng.uniform(-2, 2, 12), strict=True):
        x = np.arange(edge)
        at = np.rint(y + slope * x).astype(int)
        inside = (at >= 0) & (at < edge)
        sheet[at[inside], x[inside]] = 200
    return sheet


def letters(edge=EDGE):
    """Strokes one or two pixels wide with grey flanks, line by line."""
    sheet, rng = np.full((edge, edge), 235.0), np.random.default_rng(6)
    for top in range(3, edge - 9, 12):
        for left in range(3, edge - 6, 6):
            strokes = np.kron(rng.random((3, 2)) < 0.6, np.ones((2, 2)))
            sheet[top : top + 6, left : left + 4] -= 205 * strokes
    return sheet


def mask(edge=EDGE):
    y, x = np.indices((edge, edge))
    return 255.0 * ((np.hypot(y - 40, x - 30) < 25) | (np.hypot(y - 70, x - 75) < 12))


DRAWN = {"stars": stars, "curves": curves, "lines": thin_lines, "letters": letters, "mask": mask}


def with_noise(clean, sigma, seed=0):
    return clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)


def told(noisy, sigma):
    return ss.NLRidgeDenoiser(float(sigma)).transform(noisy[None])[0]


# -- A, B, C, K: structure of one pixel, no noise, text, a gain that is fiction ----------------


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_structure_of_one_pixel_survives(name):
    clean = DRAWN[name]()
    noisy = with_noise(clean, 4)
    reached = psnr(ss.denoise(noisy), clean)
    assert reached >= psnr(told(noisy, 4), clean) - 0.5
    assert reached >= psnr(noisy, clean) + 1


def test_the_former_rule_erased_stars():
    clean = stars()
    noisy = with_noise(clean, 4)
    options = {"n_jobs": None, "random_state": 0, "budget_s": None, "verbose": 0}
    former = blind.search(noisy, None, loss="mse", **options).best_estimator_.estimator
    assert psnr(former.fit_transform(noisy[None])[0], clean) < psnr(noisy, clean) - 10


@pytest.mark.parametrize("name", sorted(DRAWN))
@pytest.mark.parametrize("dtype", [float, np.uint16])
def test_without_noise_nothing_changes(name, dtype, capsys):
    clean = DRAWN[name]().astype(dtype)
    assert_array_equal(ss.denoise(clean, verbose=1), clean)
    assert "the image as it is; there is no noise" in capsys.readouterr().out


def bitmap_text():
    """Letters without grey, of dots of one pixel, which leave no place flat for long."""
    sheet = Image.new("L", (EDGE, EDGE), 235)
    for y in range(2, EDGE, 14):
        ImageDraw.Draw(sheet).text(
            (2, y), 3 * "the noise of one image (x)", fill=30, font=ImageFont.load_default()
        )
    return np.asarray(sheet, float)


@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_text_without_noise_stays(missing, rng):
    sheet = bitmap_text()
    sheet[rng.random(sheet.shape) < missing] = np.nan
    out = ss.denoise(sheet)
    assert_array_equal(out[~np.isnan(sheet)], sheet[~np.isnan(sheet)])


def photograph(name, edge):
    image = np.asarray(getattr(data, name)(), float)
    image = image if image.ndim == 2 else image.mean(axis=-1)
    return resize(image, (edge, edge), anti_aliasing=True)


PHOTOGRAPHS = [("camera", EDGE)] + [(name, 256) for name in ("camera", "clock", "moon")]


@pytest.mark.parametrize(("name", "edge"), PHOTOGRAPHS)
def test_a_photograph_without_noise_stays(name, edge):
    clean = photograph(name, edge)
    assert_array_equal(ss.denoise(clean), clean)


def test_weak_noise_on_the_grain_of_a_photograph():
    """Grain of up to a few grey levels is the photograph's own; the control has strong noise."""
    clean = photograph("coins", 256)
    weak = with_noise(clean, 1.5)
    assert psnr(ss.denoise(weak), clean) >= psnr(weak, clean) - 0.1
    part = clean[:EDGE, :EDGE]
    strong = with_noise(part, 6)
    assert psnr(ss.denoise(strong), part) >= psnr(strong, part) + 3


@pytest.mark.parametrize("image", ["camera", "coins", "moon"])
def test_weak_noise_in_eight_bits(image):
    clean = getattr(data, image)()[100 : 100 + EDGE, 100 : 100 + EDGE].astype(float)
    noisy = np.clip(np.rint(with_noise(clean, 0.7)), 0, 255).astype(np.uint8)
    assert psnr(ss.denoise(noisy), clean) >= psnr(noisy, clean) - 0.1
    if image == "camera":  # the negative control
        white = ss.NLRidgeDenoiser().transform(noisy[None])[0]
        assert psnr(white, clean) < psnr(noisy, clean) - 0.1


@pytest.mark.parametrize("sigma", [8, 20])
def test_letters_are_no_shared_noise(sigma, recwarn):
    clean = letters()
    noisy = with_noise(clean, sigma)
    reached = psnr(ss.denoise(noisy), clean)
    assert not recwarn.list
    assert reached >= psnr(noisy, clean) + 1
    assert reached >= psnr(told(noisy, sigma), clean) - 1.5


def test_texture_is_left_alone():
    clean = data.grass()[:EDGE, :EDGE].astype(float)
    noisy = with_noise(clean, 4)
    assert psnr(ss.denoise(noisy), clean) >= psnr(noisy, clean) - 0.1
    white = ss.NLRidgeDenoiser().transform(noisy[None])[0]
    assert psnr(white, clean) < psnr(noisy, clean) - 0.5  # the negative control


def test_two_brightnesses_tell_no_gain():
    noisy = with_noise(thin_lines(), 4)
    (noise,) = ss.estimate_noise(noisy, "full").channels
    assert not noise.grows
    counts = np.random.default_rng(0).poisson(np.add.outer(*2 * [np.linspace(5, 60, 128)]))
    assert ss.estimate_noise(1.5 * counts + 7.25, "full").channels[0].grows


# -- D: channels with noise of their own -------------------------------------------------------


@pytest.fixture(scope="module")
def channels():
    coins, moon = (resize(f().astype(float), (EDGE, EDGE)) for f in (data.coins, data.moon))
    clean = np.stack([camera() * 200 + 500, coins + 100, moon * 0.02 + 1], axis=-1)
    noise = np.random.default_rng(0).normal(size=clean.shape)
    return clean, clean + noise * (2500, 15, 0.25)


def test_channels_with_noise_of_their_own(channels):
    clean, noisy = channels
    out, found = ss.denoise(noisy, channel_axis=-1, return_search=True)
    for c in range(3):
        assert f"channel {c}: noise of standard deviation" in found.why_
        alone = psnr(ss.denoise(noisy[..., c]), clean[..., c])
        assert psnr(out[..., c], clean[..., c]) >= alone - 0.5
    joint = ss.NLRidgeDenoiser(channel_axis=-1).transform(noisy[None])[0]
    assert psnr(joint[..., 1], clean[..., 1]) < psnr(noisy[..., 1], clean[..., 1])  # the control
    scaled = ss.denoise(noisy * (1, 64, 1), channel_axis=-1)
    np.testing.assert_allclose(scaled, out * (1, 64, 1), rtol=1e-9)


def test_a_constant_channel_changes_nothing():
    clean = np.stack([camera()] * 3, axis=-1)
    noisy = with_noise(clean, 12)
    alpha = np.full((EDGE, EDGE, 1), 255.0)
    out = ss.denoise(np.concatenate([noisy, alpha], axis=-1), channel_axis=-1)
    assert_array_equal(out[..., 3:], alpha)
    assert_array_equal(out[..., :3], ss.denoise(noisy, channel_axis=-1))


# -- E, F, L: hot pixels, one huge edge, offsets of rows ---------------------------------------


@pytest.mark.parametrize("share", [0.0005, 0.003])
def test_isolated_pixels_are_taken_out(share):
    clean = camera(128)
    rng = np.random.default_rng(4)
    noisy = clean + rng.normal(0, 10, clean.shape)
    hot = rng.random(clean.shape) < share
    struck = noisy + 150 * hot
    assert psnr(ss.denoise(struck), clean) >= psnr(ss.denoise(noisy), clean) - 0.5
    assert psnr(told(struck, 10), clean) < psnr(told(noisy, 10), clean) - 0.5  # the control


def test_stars_are_no_hot_pixels():
    sky = with_noise(stars(), 4)
    assert ss.estimate_noise(sky, "full").channels[0].outlier_share == 0
    wide = np.full((EDGE, EDGE), 100.0)
    y, x = np.indices(wide.shape)
    for row, column in np.random.default_rng(3).uniform(5, EDGE - 5, (20, 2)):
        wide += 500 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 2)
    noisy = with_noise(wide, 5)
    assert psnr(ss.denoise(noisy), wide) >= psnr(told(noisy, 5), wide) - 0.3


def test_single_pixels_of_a_mask_stay(monkeypatch):
    mask = data.binary_blobs(96, rng=28).astype(float)
    assert_array_equal(ss.denoise(mask), mask)
    monkeypatch.setattr(cleaning, "MAX_VALUES_OF_DRAWING", 0)
    assert cleaning.clean_plane(mask).isolated.any()  # the control


@pytest.mark.parametrize("value", [0.0, -9999.0])
def test_one_huge_edge_does_not_rule(value):
    clean = camera()
    outside = np.abs(np.indices(clean.shape) - EDGE / 2).sum(axis=0) > 0.586 * EDGE
    noisy = np.where(outside, value, with_noise(clean, 15))
    reached = psnr(ss.denoise(noisy), clean, ~outside)
    assert reached >= psnr(told(noisy, 15), clean, ~outside) - 0.5


def grating(edge=EDGE):
    return 127 + 100 * np.sin(2 * np.pi * np.arange(edge) / 3.1) * np.ones((edge, 1))


def zone_plate(edge=EDGE):
    y, x = np.indices((edge, edge)) - edge / 2
    return 127 + 110 * np.cos((x**2 + y**2) * np.pi / edge / 1.2)


def weak_fringes(edge=EDGE):
    return 127 + 30 * np.sin(2 * np.pi * np.arange(edge) / 5.3) * np.ones((edge, 1))


def test_fringes_of_all_periods_without_noise_stay():
    clean = zone_plate(256)
    assert_array_equal(ss.denoise(clean), clean)


@pytest.mark.filterwarnings("ignore::selfsupervised.CorrelatedNoiseWarning")
@pytest.mark.parametrize("sigma", [0.0, 0.7, 15.0])
@pytest.mark.parametrize("fringes", [grating, zone_plate, weak_fringes])
def test_fringes_are_no_offsets_of_lines(fringes, sigma):
    """They are constant along lines, too, or the same in both halves."""
    clean = fringes()
    noisy = with_noise(clean, sigma)
    out = ss.denoise(noisy)
    if sigma == 0:
        assert_array_equal(out, noisy)
    else:
        assert psnr(out, clean) >= psnr(noisy, clean)
    if sigma == 15:
        assert psnr(out, clean) >= psnr(noisy, clean) + 4


def test_offsets_of_rows():
    clean = camera(128)
    noisy = with_noise(clean, 10) + np.random.default_rng(7).normal(0, 10, (128, 1))
    assert psnr(ss.denoise(noisy), clean) >= 31
    assert psnr(told(noisy, 10), clean) < 29  # the negative control
    assert ss.estimate_noise(noisy, "full").channels[0].line_offsets[0] == pytest.approx(10, abs=2)
    columns = ss.denoise(noisy.T)
    assert psnr(columns, clean.T) >= 31


# -- H: few counts ----------------------------------------------------------------------------


def test_points_in_few_counts_are_kept():
    """Stabilised, a point of 20 counts on one is hardly beyond chance, and is lost: the control."""
    clean = (stars() - 97) / 10
    counts = np.random.default_rng(0).poisson(np.minimum(clean, 40)).astype(float)
    sky, points = np.minimum(clean, 40), clean > 10
    out, found = ss.denoise(counts, return_search=True)
    assert "VarianceStabilizer" not in str(found.denoiser_)
    stabilized = ss.VarianceStabilizer(ss.NLRidgeDenoiser(1.0), gain=1.0, variance=0.0)
    former = stabilized.fit_transform(counts[None])[0]
    assert psnr(out, sky) > psnr(former, sky) + 3
    assert out[points].sum() == pytest.approx(counts[points].sum(), rel=0.1)


def test_what_counts_cannot_be_is_given_back():
    """Ten counts where one was expected have a chance of 1e-7; by Bernstein's bound they may be."""
    noise = ss.estimate_noise(np.random.default_rng(0).poisson(1.0, (96, 96)), "full")
    counts, expected = np.ones((2, 96, 96))
    counts[40, 40], counts[60, 60] = 10, 5
    out = guarded(counts, expected, noise)
    assert (out[40, 40], out[60, 60]) == (10, 1)
    bound = np.sqrt(2 * np.log(counts.size / 0.01))
    assert bound + bound**2 / 3 > 9


@pytest.mark.parametrize("variance", [0.0, 1e-310, 1.0, 1e60])
@pytest.mark.parametrize("gain", [0.0, 1e-30, 1.0, 1e30])
def test_how_surprising_noise_is_has_no_limits(variance, gain):
    residual = np.array([-1e30, -1.0, 0.0, 1e-30, 1.0, 1e30])
    found = _surprise(residual, np.full(6, variance), gain)
    assert found[2] == 0
    assert (np.diff(found[2:]) >= 0).all()
    assert found[0] >= found[1] >= 0
    assert not np.isnan(found).any()


@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_few_counts_keep_their_mean(rate):
    counts = np.random.default_rng(1).poisson(rate, (128, 128)).astype(float)
    out = ss.denoise(counts)
    error = np.sqrt(rate / counts.size)
    assert abs(out.mean() - rate) < 3 * error
    plain = ss.VarianceStabilizer(ss.NLRidgeDenoiser(1.0), gain=1.0, variance=0.0)
    assert abs(plain.transform(counts[None]).mean() - rate) > 3 * error  # the negative control
    blocks = out.reshape(4, 32, 4, 32).mean(axis=(1, 3))
    assert np.abs(blocks - rate).max() < 3.5 * np.sqrt(rate / 1024)


def test_dark_and_bright_fields_keep_their_means():
    bright = (np.indices((128, 128)) // 32).sum(axis=0) % 2 == 1
    rates = np.where(bright, 1.0, 0.05)
    out = ss.denoise(np.random.default_rng(1).poisson(rates).astype(float))
    for field, rate in ((bright, 1.0), (~bright, 0.05)):
        assert abs(out[field].mean() - rate) < 3 * np.sqrt(rate / 1024)


def test_zero_stays_zero():
    rates = np.full((96, 96), 0.5)
    rates[:, 48:] = 0
    out = ss.denoise(np.random.default_rng(1).poisson(rates).astype(float))
    assert_array_equal(out[:, 64:], 0)
