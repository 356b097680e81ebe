# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Dead leaves: discs and rectangles of all sizes that cover each other, in the colours of an image.

Like natural images they have edges at all scales (Lee, Mumford & Huang, "Occlusion models for
natural images", IJCV 2001), and a network that learns to denoise them denoises photographs nearly
as well (Achddou, Gousseau & Ladjal, SSVM 2021).
"""

import numpy as np

N_LEAVES = 300  # for an image of 192 x 192 pixels; in the end nothing else is to be seen
MIN_RADIUS_PIXELS, MAX_RADIUS_SHARE = 3.0, 0.3
MIN_ASPECT, MAX_SLOPE = 0.3, 0.02
# Of leaves with a texture: so many, so strong at most, in units of the spread of the colours; their
# waves, in pixels, and the powers that the spectra of their grain falls with.
TEXTURED_SHARE, MAX_TEXTURE, WAVES_PIXELS, POWERS = 0.6, 0.5, (2.5, 24.0), (0.4, 1.0, 1.6)
# Images of those differ in how small the smallest are; the thinnest have this aspect.
SMALLEST_PIXELS, THINNEST = (3.0, 25.0), 0.08


def dead_leaves(image, edge, rng, textured=False):
    """A square image of leaves.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, n_channels)
        Where colours are taken from.
    edge : int
        Of the square, in pixels.
    rng : numpy.random.Generator
    textured : bool, default=False
        Whether many of them have stripes or a grain, and sizes and shapes vary more.

    Returns
    -------
    ndarray of shape (edge, edge) or (edge, edge, n_channels)
    """
    grains = [_grain(edge, power, rng) for power in POWERS] if textured else []
    colours = image.reshape(-1, *image.shape[2:])
    spread = colours.std()
    smallest = np.exp(rng.uniform(*np.log(SMALLEST_PIXELS))) if textured else MIN_RADIUS_PIXELS
    out = np.empty((edge, edge, *image.shape[2:]), image.dtype)
    out[...] = colours[rng.integers(len(colours))]
    for _ in range(max(N_LEAVES * edge**2 // 192**2, 1)):
        # Sizes as of things at all distances: their density falls with the cube of the radius.
        radius = min(smallest / np.sqrt(rng.uniform(1e-6, 1)), MAX_RADIUS_SHARE * edge)
        _cover(out, radius, colours[rng.integers(len(colours))], spread, rng, grains)
    return out


def _cover(out, radius, colour, spread, rng, grains):
    """Lay one leaf at a random place, turned at random, its brightness rising along one side."""
    middle = rng.uniform(0, len(out), 2)
    reach = 1.5 * radius  # the corners of a square, turned
    ends = np.clip([middle - reach, middle + reach + 2], 0, len(out)).astype(int)
    part = tuple(slice(*pair) for pair in ends.T)
    rows, columns = np.ogrid[part]
    angle, aspect = rng.uniform(0, 2 * np.pi), rng.uniform(THINNEST if grains else MIN_ASPECT, 1)
    along = np.cos(angle) * (rows - middle[0]) + np.sin(angle) * (columns - middle[1])
    across = np.cos(angle) * (columns - middle[1]) - np.sin(angle) * (rows - middle[0])
    across = across / aspect
    if rng.integers(2):
        inside = along**2 + across**2 < radius**2
    else:
        inside = np.maximum(np.abs(along), np.abs(across)) < radius
    shade = rng.normal(0, MAX_SLOPE * spread) * along[inside]
    if grains and rng.uniform() < TEXTURED_SHARE:
        strength = spread * MAX_TEXTURE * rng.uniform() ** 2
        shade = shade + strength * _texture(along, part, grains, rng)[inside]
    out[part][inside] = colour + (shade if out.ndim == 2 else shade[:, None])


def _texture(along, part, grains, rng):
    """Stripes across a leaf, smooth or sharp, or its part of a grain."""
    if rng.integers(2):
        return np.roll(grains[rng.integers(len(grains))], rng.integers(len(along)), axis=0)[part]
    wave = np.exp(rng.uniform(*np.log(WAVES_PIXELS)))
    stripes = np.sin(2 * np.pi * (along / wave + rng.uniform()))
    return np.tanh(4 * stripes) if rng.integers(2) else stripes


def _grain(edge, power, rng):
    """Noise of unit strength whose amplitudes fall with a power of the frequency."""
    frequencies = np.hypot(np.fft.fftfreq(edge)[:, None], np.fft.rfftfreq(edge))
    frequencies[0, 0] = np.inf
    grain = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(edge, edge))) / frequencies**power)
    return grain / grain.std()
