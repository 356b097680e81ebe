# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures with known truth: clean ones to which noise is added, and pairs from cameras.

They are read from the folder that the environment variable SELFSUPERVISED_DATA names, in
``images/NAME``: clean ones right there, pairs in ``noisy`` (or ``raw``) and ``gt``.
"""

import os
from pathlib import Path

import numpy as np
from skimage import io

SUFFIXES = {".png", ".tif", ".jpg"}
QUICK_EDGE = 64  # of what is used of a picture with --quick


class Noise:
    """What is added to a clean picture; ``make(clean, rng)`` gets it scaled to [0, peak]."""

    def __init__(self, name, make, peak=255.0):
        self.name, self.make, self.peak = name, make, peak

    def __call__(self, clean):
        """The noisy and the clean picture; the same seed for each."""
        clean = clean * (self.peak / 255)
        return self.make(clean, np.random.default_rng(0)), clean


def gaussian(sigma):
    return Noise(f"Gaussian {sigma}", lambda x, rng: x + rng.normal(0, sigma, x.shape))


def poisson(peak, read_out=0):
    """Photon counts, `peak` of them where the picture is white, and read-out noise."""

    def make(clean, rng):
        counts = rng.poisson(clean).astype(float)
        return counts + rng.normal(0, read_out, clean.shape) if read_out else counts

    extra = f" + Gaussian {read_out}" if read_out else ""
    return Noise(f"Poisson {peak}{extra}", make, float(peak))


def salt_and_pepper(share):
    def make(clean, rng):
        hit = rng.random(clean.shape) < share
        return np.where(hit, 255.0 * rng.integers(0, 2, clean.shape), clean)

    return Noise(f"salt and pepper {share:.0%}", make)


def multiplicative(strength):
    return Noise(
        f"multiplicative {strength}", lambda x, rng: x * (1 + strength * rng.normal(size=x.shape))
    )


EVERY = 1  # take every n-th image of each set; an option of the benchmark sets it


def folder(name):
    """Where the pictures of a set are."""
    root = os.environ.get("SELFSUPERVISED_DATA")
    if not root:
        raise SystemExit(
            "Set the environment variable SELFSUPERVISED_DATA to the folder that holds images/, "
            "with the sets Set12, BSD68, Set9 and others in it."
        )
    for parent in (Path(root) / "images", Path(root)):
        if (parent / name).is_dir():
            return parent / name
    raise SystemExit(f"There is no images/{name} in the folder that SELFSUPERVISED_DATA names.")


def _files(where):
    return sorted(path for path in where.iterdir() if path.suffix.lower() in SUFFIXES)


def _read(path):
    return io.imread(path).astype(float)


def centre(picture, edge):
    """The square of this edge in the middle, or all where the picture is smaller."""
    top, left = (max(size - edge, 0) // 2 for size in picture.shape[:2])
    return picture[top : top + edge, left : left + edge]


def clean_pictures(name, *, quick=False, every=1):
    """Yield (name, picture on 0 to 255) in the order of file names."""
    for path in _files(folder(name))[:: every * EVERY][: 1 if quick else None]:
        picture = _read(path)
        yield path.stem, centre(picture, QUICK_EDGE) if quick else picture


def with_noise(name, noise, *, quick=False, every=1, edge=None):
    """Yield (name, noisy, clean), the middle of them if an edge is given."""
    for stem, picture in clean_pictures(name, quick=quick, every=every):
        yield stem, *noise(picture if edge is None else centre(picture, edge))


def pairs(name, start="", *, quick=False):
    """Yield (name, noisy, clean) of those whose file names begin with `start`."""
    where = folder(name)
    noisy = _files(where / "raw" if (where / "raw").is_dir() else where / "noisy")
    truth = {path.stem.removesuffix("_mean"): path for path in _files(where / "gt")}
    chosen = [path for path in noisy if path.stem.startswith(start)]
    for path in chosen[::EVERY][: 1 if quick else None]:
        stem = path.stem.removesuffix("_real").removesuffix("_noise")
        pair = _read(path), _read(truth[stem])
        yield stem, *(centre(x, QUICK_EDGE) if quick else x for x in pair)


def psnr(image, clean, peak=255.0):
    return float(10 * np.log10(peak**2 / np.mean(np.square(image - clean))))
