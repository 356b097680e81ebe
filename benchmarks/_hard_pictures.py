# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Images that are hard to denoise without harm, and the noise that people have.

Structure of one pixel, text, drawings, texture, photographs, and nothing at all; all of them
drawn here or taken from what scikit-image brings along.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from skimage import data, draw
from skimage.draw import disk
from skimage.transform import resize

WORDS = "the noise of one image is what no second exposure would show again, and 0123456789 (x)"


def centre(image, edge):
    """The square of this edge in the middle."""
    top, left = ((size - edge) // 2 for size in image.shape[:2])
    return image[top : top + edge, left : left + edge].astype(float)


def photograph(image, edge):
    """All of a grey image, averaged to this edge."""
    side = min(image.shape[:2])
    square = centre(image, side)
    return resize(square, (edge, edge), anti_aliasing=True)


def stars(edge, width=0.0):
    """Stars of 30 to 3000 above 100, one in 218 pixels; of one pixel or of this width."""
    rng = np.random.default_rng(1)
    n = edge * edge // 218
    sky = np.zeros((edge, edge))
    np.add.at(sky, tuple(rng.integers(0, edge, (2, n))), np.exp(rng.uniform(3.4, 8.0, n)))
    if width:
        sky = gaussian_filter(sky, width) * (2 * np.pi * width**2)
    return 100 + sky


def chart(edge):
    """Black curves and axes on white."""
    sheet = Image.new("L", (edge, edge), 255)
    pen = ImageDraw.Draw(sheet)
    x = np.linspace(0, edge - 1, 4 * edge)
    for k, phase in enumerate((0.0, 1.0, 2.5, 4.0)):
        y = edge / 2 + edge * (0.1 + 0.08 * k) * np.sin(phase + (3 + 2 * k) * x / edge)
        pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=0)
    pen.line([(8, 8), (8, edge - 8), (edge - 8, edge - 8)], fill=0)
    return np.asarray(sheet, float)


def thin_lines(edge):
    """Lines one pixel wide at all angles, bright on dark."""
    sheet = Image.new("L", (edge, edge), 40)
    pen = ImageDraw.Draw(sheet)
    rng = np.random.default_rng(2)
    for a, b, c, d in rng.integers(0, edge, (edge // 6, 4)).tolist():
        pen.line([(a, b), (c, d)], fill=200)
    return np.asarray(sheet, float)


def mask(edge):
    """Round blobs of 255 on 0."""
    out, rng = np.zeros((edge, edge)), np.random.default_rng(3)
    for y, x, r in zip(*rng.integers(0, edge, (2, 20)), rng.integers(3, 25, 20), strict=True):
        out[disk((y, x), r, shape=out.shape)] = 255
    return out


def shapes(edge):
    """Flat regions of many brightnesses."""
    points = np.random.default_rng(4).uniform(0, edge, (40, 2))
    where = np.stack(np.mgrid[:edge, :edge], axis=-1)[..., None, :]
    nearest = np.square(where - points).sum(-1).argmin(-1)
    return np.random.default_rng(5).uniform(10, 250, 40)[nearest]


def text(edge, size, font="DejaVuSans.ttf"):
    """A page of 235 with ink of 30."""
    sheet = Image.new("L", (edge, edge), 235)
    if font:
        path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / font
        letters = ImageFont.truetype(str(path), size)
    else:
        letters = ImageFont.load_default()
    pen = ImageDraw.Draw(sheet)
    for k, y in enumerate(range(2, edge, size + 4)):
        pen.text((2, y), WORDS[k % 11 :] + " " + WORDS * 2, fill=30, font=letters)
    return np.asarray(sheet, float)


def screen(edge):
    """Windows with frames, buttons and text."""
    sheet = Image.fromarray(text(edge, 10).astype(np.uint8))
    pen = ImageDraw.Draw(sheet)
    for k in range(4):
        left, top = k * edge // 5, (k * k * edge // 7) % edge
        pen.rectangle([left, top, left + edge // 4, top + edge // 5], fill=60 + 40 * k, outline=0)
    return np.asarray(sheet, float)


def bordered(edge):
    """The camera with a border of -9999, as geographers have it."""
    image = photograph(data.camera(), edge)
    y, x = np.abs(np.mgrid[:edge, :edge] - edge / 2)
    return np.where(y + x > 0.586 * edge, -9999.0, image)


def colour_like(edge):
    """Three channels on scales of their own."""
    camera, coins, moon = (photograph(f(), edge) for f in (data.camera, data.coins, data.moon))
    return np.stack([camera * 200 + 500, coins + 100, moon * 0.02 + 1], axis=-1)


def fringes(edge, period, slope=0.0):
    """Of one period in pixels, along rows or slanted."""
    y, x = np.mgrid[:edge, :edge]
    return 127 + 100 * np.sin(2 * np.pi * (x + slope * y) / period)


def zone_plate(edge):
    """Fringes of all periods from the whole image to three pixels."""
    y, x = np.mgrid[:edge, :edge] - edge / 2
    return 127 + 110 * np.cos((x**2 + y**2) * np.pi / edge / 1.2)


def barcode(edge):
    """Bars of one to four pixels."""
    rng = np.random.default_rng(3)
    bars = np.repeat(rng.integers(0, 2, edge), rng.integers(1, 5, edge))[:edge]
    return 20 + 215.0 * np.tile(bars, (edge, 1))


def siemens_star(edge):
    """Sectors that narrow to less than a pixel."""
    y, x = np.mgrid[:edge, :edge] - edge / 2
    return 127 + 110 * np.sign(np.sin(24 * np.arctan2(y, x)))


def beads(edge, width):
    """Blurred points, one in 150 pixels."""
    rng = np.random.default_rng(1)
    points = np.zeros((edge, edge))
    n = edge * edge // 150
    np.add.at(points, tuple(rng.integers(0, edge, (2, n))), rng.uniform(50, 200, n))
    return 10 + gaussian_filter(points, width) * 2 * np.pi * width**2


def filaments(edge):
    """Blurred lines that cross, as those of a cell's skeleton."""
    rng = np.random.default_rng(2)
    lines = np.zeros((edge, edge))
    for _ in range(edge // 4):
        lines[draw.line(*rng.integers(0, edge, 4))] = rng.uniform(80, 250)
    return 20 + 2.5 * gaussian_filter(lines, 1.0)


def fractal(edge, power):
    """A rough surface, of a spectrum that falls with a power of the frequency."""
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(edge)] * 2))
    frequency[0, 0] = 1.0
    noise = np.fft.fft2(np.random.default_rng(0).normal(size=(edge, edge)))
    surface = np.fft.ifft2(noise * frequency**-power).real
    return 255 * (surface - surface.min()) / np.ptp(surface)


IMAGES = {
    "stars": stars,
    "wide stars": lambda edge: stars(edge, 1.0),
    "chart": chart,
    "thin lines": thin_lines,
    "mask": mask,
    "shapes": shapes,
    "page": lambda edge: centre(data.page(), min(edge, 190)),
    "text 9": lambda edge: text(edge, 9),
    "text 12": lambda edge: text(edge, 12),
    "text Pillow": lambda edge: text(edge, 10, None),
    "screen": screen,
    "camera": lambda edge: photograph(data.camera(), edge),
    "coins": lambda edge: photograph(data.coins(), edge),
    "moon": lambda edge: photograph(data.moon(), edge),
    "cell": lambda edge: photograph(data.cell(), edge),
    "clock": lambda edge: photograph(data.clock(), edge),
    "horse": lambda edge: 255.0 * (photograph(255.0 * data.horse(), edge) > 127),
    "astronaut": lambda edge: photograph(data.astronaut()[..., 1], edge),
    "hubble": lambda edge: photograph(data.hubble_deep_field()[..., 0], edge),
    "brick": lambda edge: centre(data.brick(), edge),
    "grass": lambda edge: centre(data.grass(), edge),
    "gravel": lambda edge: centre(data.gravel(), edge),
    "gradient": lambda edge: np.add.outer(*2 * [np.linspace(5, 125, edge)]),
    "checkerboard": lambda edge: 30 + 200.0 * ((np.indices((edge, edge)) // 32).sum(0) % 2),
    "fine checkerboard": lambda edge: 30 + 200.0 * ((np.indices((edge, edge)) // 2).sum(0) % 2),
    "flat": lambda edge: np.full((edge, edge), 100.0),
    "border": bordered,
    "fringes 3": lambda edge: fringes(edge, 3.1),
    "fringes 8": lambda edge: fringes(edge, 8.0, 0.5),
    "zone plate": zone_plate,
    "barcode": barcode,
    "Siemens star": siemens_star,
    "beads": lambda edge: beads(edge, 1.0),
    "filaments": filaments,
    "fractal": lambda edge: fractal(edge, 1.5),
}


def white(sigma):
    return lambda clean, rng: (clean + rng.normal(0, sigma, clean.shape), clean)


def photons(peak):
    """Counts, `peak` of them where the image is brightest."""

    def make(clean, rng):
        rate = np.maximum(clean, 0) * (peak / clean.max())
        return rng.poisson(rate).astype(float), rate

    return make


def hot_pixels(clean, rng):
    """White noise of 10, and 150 more in 0.3 % of the pixels."""
    hot = 150 * (rng.random(clean.shape) < 0.003)
    return clean + rng.normal(0, 10, clean.shape) + hot, clean


def row_offsets(clean, rng):
    """White noise of 10, and an offset of each row of 10."""
    rows = rng.normal(0, 10, (clean.shape[0], 1))
    return clean + rng.normal(0, 10, clean.shape) + rows, clean


def eight_bits(sigma):
    """Rounded and clipped to 8 bits, as files are."""

    def make(clean, rng):
        clean = np.clip(clean, 0, 255)
        noisy = np.rint(clean + rng.normal(0, sigma, clean.shape))
        return np.clip(noisy, 0, 255).astype(np.uint8), clean

    return make


NOISES = {
    "none": lambda clean, rng: (clean, clean),
    "white 0.7": white(0.7),
    "8 bits 0.7": eight_bits(0.7),
    "white 4": white(4.0),
    "white 15": white(15.0),
    "Poisson 3": photons(3),
    "Poisson 30": photons(30),
    "hot pixels": hot_pixels,
    "rows": row_offsets,
}


def channel_noise(clean, rng):
    """White noise of each channel's own strength."""
    return clean + rng.normal(size=clean.shape) * (2500, 15, 0.25), clean
