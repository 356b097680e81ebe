# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Movies: frame by frame, as a volume, with flashes given back, and by networks.

The movies are made: blobs that move, a still texture, and flashes of one frame, of as many photons
as the brightest blob or so, all with Poisson noise. "Lysosomes" is a recording whose frames have
little noise, taken as the truth for one of fewer photons. Told are the PSNR, over the peak; how
much of the height of the flashes is kept, 1 being all, the least of 24 in brackets; how much of
them the frames before and after have; the root of the mean squared error around them; and seconds
of CPU time.
"""

import sys
import time
from functools import partial

import numpy as np
import torch
from skimage import io
from torch import nn

import selfsupervised as ss
from benchmarks._pictures import folder
from benchmarks.report import Report, options
from selfsupervised.networks import Noise2SelfUNet

SHAPE, N_BLOBS, N_FLASHES = (40, 96, 96), 10, 24
FLASH_WIDTH = 1.5  # standard deviation in pixels
PEAKS = (8.0, 20.0, 60.0)  # photons
REACH = 5  # pixels around a flash
LYSOSOME_PEAK = 30.0


def spot(shape, place, width):
    y, x = (np.arange(size) - at for size, at in zip(shape, place, strict=True))
    return np.exp(-(y[:, None] ** 2 + x**2) / (2 * width**2))


def made(peak, seed=0, shape=SHAPE):
    """A noisy movie, the clean one, that without flashes, and the flashes."""
    rng = np.random.default_rng(seed)
    n_frames, *edges = shape
    y, x = np.mgrid[: edges[0], : edges[1]]
    waves = 0.15 * (1 + np.sin(y / 5) * np.cos(x / 7)) * ((y + x) % 64 < 40)
    scene = np.full(shape, 2.0) + peak * waves
    places, speeds = (
        rng.uniform(8, np.array(edges) - 8, (N_BLOBS, 2)),
        rng.normal(size=(N_BLOBS, 2)),
    )
    widths, heights = rng.uniform(1.5, 3.5, N_BLOBS), peak * rng.uniform(0.3, 1, N_BLOBS)
    for frame in scene:
        for place, width, height in zip(places, widths, heights, strict=True):
            frame += height * spot(edges, place, width)
        places += speeds + rng.normal(0, 0.3, places.shape)
        outside = (places < 4) | (places > np.array(edges) - 4)
        speeds[outside] *= -1
        places = np.clip(places, 4, np.array(edges) - 4)
    clean, flashes = scene.copy(), []
    for _ in range(N_FLASHES):
        t, place = int(rng.integers(2, n_frames - 2)), rng.uniform(6, np.array(edges) - 6)
        flash = peak * rng.uniform(0.7, 1.3) * spot(edges, place, FLASH_WIDTH)
        clean[t] += flash
        window = tuple(slice(max(round(at) - REACH, 0), round(at) + REACH + 1) for at in place)
        flashes.append((t, window, flash[window]))
    return rng.poisson(clean).astype(float), clean, scene, flashes


def lysosomes():
    """The recording with fewer photons, and as it is."""
    path = next(folder("Lysosome_bursts").glob("*.tif"))
    clean = io.imread(path).astype(float)
    clean = (clean - clean.min()) * (LYSOSOME_PEAK / np.percentile(clean, 99.9))
    return np.random.default_rng(0).poisson(clean).astype(float), clean


def kept(out, scene, flashes, later=0):
    """Least-squares height of each flash in what is beyond the scene."""
    beyond = out - scene
    return [(beyond[t + later][at] * f).sum() / (f * f).sum() for t, at, f in flashes]


def psnr(out, clean):
    return float(10 * np.log10(clean.max() ** 2 / np.mean(np.square(out - clean))))


class FramesAsChannels(nn.Module):
    """Each frame from itself and so many before and after it, as channels of a 2-D U-Net.

    Its output is added to a learned 3 x 3 filter of these, at first a binomial one of the frame.
    """

    multiple = 8

    def __init__(self, before=2, itself=True):
        super().__init__()
        n = 2 * before + 1
        self.before, self.itself = before, itself
        self.network = Noise2SelfUNet(n, 1, width=16, depth=3)
        self.linear = nn.Conv2d(n, 1, 3, padding=1, bias=False)
        with torch.no_grad():
            row = torch.tensor([0.25, 0.5, 0.25])
            self.linear.weight.zero_()
            self.linear.weight[0, before] = torch.outer(row, row)

    def forward(self, x):
        n, _, n_frames, *edges = x.shape
        last, k = n_frames - 1, self.before
        at = torch.arange(-k, n_frames + k).abs()
        at = torch.where(at > last, 2 * last - at, at).clamp(0, last)
        frames = x[:, 0][:, at].unfold(1, 2 * k + 1, 1).movedim(-1, 2)
        frames = frames.reshape(n * n_frames, 2 * k + 1, *edges)
        if not self.itself:  # what others have in its place
            frames = frames.clone()
            frames[:, k] = (frames[:, k - 1] + frames[:, k + 1]) / 2
        return (self.network(frames) + self.linear(frames)).reshape(x.shape)


def of_network(noisy, steps, inference="direct", **settings):
    estimator = ss.Noise2SelfDenoiser(
        module=partial(FramesAsChannels, **settings),
        inference=inference,
        patch_size=(8, 48, 48),
        batch_size=2,
        max_steps=steps,
        test_time_augmentation=False,
    )
    return ss.VarianceStabilizer(estimator, gain=1, variance=0).fit_transform(noisy[None])[0]


def methods(steps):
    stable = partial(ss.VarianceStabilizer, ss.NLRidgeDenoiser(1.0), gain=1, variance=0)
    found = {
        "as measured": lambda noisy: noisy,
        "denoise(), frame by frame": lambda noisy: ss.denoise(noisy, axes="TYX"),
        "NL-Ridge, as a volume": lambda noisy: stable().transform(noisy[None])[0],
        "MovieDenoiser": lambda noisy: ss.MovieDenoiser().transform(noisy[None])[0],
        "MovieDenoiser, frames shuffled": shuffled,
    }
    if steps:
        networks = {
            "network, neighbours only": {"itself": False},
            "network, whole frame shown": {},
            "network, blind to each pixel": {"inference": "j_invariant"},
        }
        for name, settings in networks.items():
            found[name] = partial(of_network, steps=steps, **settings)
    return found


def shuffled(noisy):
    order = np.random.default_rng(0).permutation(len(noisy))
    out = np.empty_like(noisy)
    out[order] = ss.MovieDenoiser().transform(noisy[order][None])[0]
    return out


def judged(out, clean, scene=None, flashes=None):
    """PSNR, heights of flashes, mean heights a frame before and after, squared errors around."""
    if not flashes:
        return psnr(out, clean), None, None, None
    ghosts = [np.mean(kept(out, scene, flashes, later)) for later in (-1, 1)]
    around = [np.mean(np.square((out - clean)[t][at])) for t, at, _ in flashes]
    return psnr(out, clean), kept(out, scene, flashes), ghosts, around


def row(name, draws, seconds):
    """One line of a table, the mean over draws of what `judged` returns."""
    values, heights, ghosts, around = zip(*draws, strict=True)
    cells = [name, float(np.mean(values))]
    if heights[0]:
        before, after = np.mean(ghosts, axis=0)
        cells += [
            f"{np.mean(heights):.3f} ({np.min(heights):.2f})",
            f"{before:+.3f}, {after:+.3f}",
            float(np.sqrt(np.mean(around))),
        ]
    return [*cells, seconds / len(draws)]


def main():
    arguments = options(
        __doc__,
        steps=(0, "of each network, on the first movie of 20 photons; 0 trains none"),
        seeds=(3, "movies of each kind"),
        peaks=(",".join(f"{peak:g}" for peak in PEAKS), "photons, with commas between; 0 for none"),
    )
    report = Report("movies", arguments.save, "networks" if arguments.steps else "")
    quick, figures = arguments.quick, {}
    shape = (10, 48, 48) if quick else SHAPE
    seeds = range(1 if quick or arguments.steps else arguments.seeds)
    peaks = (20.0,) if quick or arguments.steps else map(float, arguments.peaks.split(","))
    examples = {
        f"flashes, {peak:g} photons": [made(peak, seed, shape) for seed in seeds]
        for peak in peaks
        if peak
    }
    if not (quick or arguments.steps):
        examples[f"lysosomes, {LYSOSOME_PEAK:g} photons"] = [lysosomes()]
    columns = ["method", "PSNR, dB", "kept (least)", "before, after", "RMSE there", "seconds"]
    for name, movies in examples.items():
        rows = []
        for method, denoise in methods(arguments.steps).items():
            start = time.process_time()
            outs = [denoise(movie[0]) for movie in movies]
            seconds = time.process_time() - start
            draws = [judged(out, *movie[1:]) for out, movie in zip(outs, movies, strict=True)]
            rows.append(row(method, draws, seconds))
            print(name, rows[-1], file=sys.stderr, flush=True)
        some = columns if len(movies[0]) > 2 else [*columns[:2], columns[-1]]
        sizes = " x ".join(map(str, movies[0][0].shape))
        report.table(f"{name}, {sizes}, mean of {len(movies)}", some, rows)
        figures[name] = {line[0]: line[1:] for line in rows}
    report.end(**figures)


if __name__ == "__main__":
    main()
