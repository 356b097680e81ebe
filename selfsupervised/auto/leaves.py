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


def dead_leaves(image, edge, rng):
    """A square image of leaves.

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, n_channels)
        Where colours are taken from.
    edge : int
        Of the square, in pixels.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (edge, edge) or (edge, edge, n_channels)
    """
    colours = image.reshape(-1, *image.shape[2:])
    spread = colours.std()
    out = np.empty((edge, edge, *image.shape[2:]), image.dtype)
    out[...] = colours[rng.integers(len(colours))]
    for _ in range(max(N_LEAVES * edge**2 // 192**2, 1)):
        # Sizes as of things at all distances: their density falls with the cube of the radius.
        radius = min(MIN_RADIUS_PIXELS / np.sqrt(rng.uniform(1e-6, 1)), MAX_RADIUS_SHARE * edge)
        _cover(out, radius, colours[rng.integers(len(colours))], spread, rng)
    return out


def _cover(out, radius, colour, spread, rng):
    """Lay one leaf at a random place, turned at random, its brightness rising along one side."""
    middle = rng.uniform(0, len(out), 2)
    reach = 1.5 * radius  # the corners of a square, turned
    ends = np.clip([middle - reach, middle + reach + 2], 0, len(out)).astype(int)
    part = tuple(slice(*pair) for pair in ends.T)
    rows, columns = np.ogrid[part]
    angle, aspect = rng.uniform(0, 2 * np.pi), rng.uniform(MIN_ASPECT, 1)
    along = np.cos(angle) * (rows - middle[0]) + np.sin(angle) * (columns - middle[1])
    across = np.cos(angle) * (columns - middle[1]) - np.sin(angle) * (rows - middle[0])
    across = across / aspect
    if rng.integers(2):
        inside = along**2 + across**2 < radius**2
    else:
        inside = np.maximum(np.abs(along), np.abs(across)) < radius
    shade = rng.normal(0, MAX_SLOPE * spread) * along[inside]
    out[part][inside] = colour + (shade if out.ndim == 2 else shade[:, None])
