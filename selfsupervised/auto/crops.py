# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Parts that stand for a large image while candidates are tried."""

import numpy as np

# Edge and number, along each axis, of the crops that stand for a large image.
CROP_EDGE_AND_NUMBER = {2: (128, 2), 3: (24, 2)}


def sample(image, channel_axis):
    """Crops that stand for a large image; the image itself if it is small.

    One in the middle of each part, as corners often show nothing but background.
    """
    n_spatial = image.ndim - (channel_axis is not None)
    edge, number = CROP_EDGE_AND_NUMBER[n_spatial]
    spatial = image.shape[:n_spatial]
    if np.prod(spatial) <= (number * edge) ** n_spatial:
        return [image]
    starts = [
        (_middles(size, number) - edge // 2) if size > number * edge else [0] for size in spatial
    ]
    corners = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, n_spatial)
    edges = [edge if size > number * edge else size for size in spatial]
    crops = [
        image[tuple(slice(at, at + e) for at, e in zip(corner, edges, strict=True))]
        for corner in corners
    ]
    return [crop for crop in crops if np.isnan(crop).mean() < 0.5] or [image]


def _middles(size, number):
    """Of so many parts of a length."""
    return np.linspace(0, size, 2 * number + 1)[1::2].astype(int)
