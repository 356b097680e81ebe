# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What stands in the place of hidden pixels: of which denoisers it decides how good they are.

Noise is Gaussian with a standard deviation of 25, on the middle 192 x 192 pixels of House,
Peppers and the camera. Filters are of the strength that is best by the self-supervised loss with
each fill; PSNR is that of their J-invariant output. The network learns by Noise2Self with each
fill, and its output is that for the image as it is, the J-invariant one, and both mixed by place.
With --quick, it is left out.
"""

import time

import numpy as np
from scipy.ndimage import uniform_filter
from skimage import data
from sklearn.model_selection import GridSearchCV

from benchmarks._pictures import centre, gaussian, psnr, with_noise
from benchmarks.report import Report, options
from selfsupervised import (
    FunctionDenoiser,
    GaussianDenoiser,
    JInvariantWrapper,
    MedianDenoiser,
    Noise2SelfDenoiser,
    NonLocalMeansDenoiser,
    PixelGrid,
    SameSplit,
    WaveletDenoiser,
)

SIGMA, EDGE = 25, 192
FILLS = ("neighbors", "matched", "uniform", 0.0)
FILTERS = {
    "mean": (FunctionDenoiser(uniform_filter), "kw_args", [{"size": n} for n in (3, 5, 7)]),
    "median": (MedianDenoiser(), "radius", [1, 2, 3]),
    "Gaussian": (GaussianDenoiser(), "sigma", [0.5, 0.7, 1.0, 1.4]),
    "wavelet": (WaveletDenoiser(), "sigma", [15, 20, 25, 35]),
    "non-local means": (NonLocalMeansDenoiser(), "h", [10, 14, 17, 22]),
}
INFERENCES = ("direct", "j_invariant", "local")


def pictures():
    """Yield (name, noisy, clean)."""
    names = {"02": "House", "03": "Peppers"}
    for stem, noisy, clean in with_noise("Set12", gaussian(SIGMA)):
        if stem in names:
            yield names[stem], centre(noisy, EDGE), centre(clean, EDGE)
    clean = centre(data.camera().astype(float), EDGE)
    yield "camera", clean + np.random.default_rng(0).normal(0, SIGMA, clean.shape), clean


def filtered(name, noisy, fill):
    """J-invariant output of a kind of filter, of the best strength."""
    denoiser, parameter, values = FILTERS[name]
    # With a partition of its own: those with a one-pass form hide each pixel by itself, unfilled.
    wrapped = JInvariantWrapper(denoiser, partition=PixelGrid(4), fill=fill)
    search = GridSearchCV(wrapped, {f"estimator__{parameter}": values}, cv=SameSplit())
    return [search.fit(noisy[None]).transform(noisy[None])[0]]


def trained(noisy, fill, steps, seed):
    """Outputs of a network that learned with the fill, one for each of `INFERENCES`."""
    denoiser = Noise2SelfDenoiser(fill=fill, max_steps=steps, random_state=seed).fit(noisy[None])
    return [denoiser.set_params(inference=i).transform(noisy[None])[0] for i in INFERENCES]


def main():
    arguments = options(
        __doc__, steps=(300, "steps of the network"), seeds=(1, "seeds of the network")
    )
    report, rows, figures = Report("fills", arguments.save), [], {}
    sources = list(pictures())
    methods = {name: (lambda x, fill, name=name: filtered(name, x, fill)) for name in FILTERS}
    for seed in range(0 if arguments.quick else arguments.seeds):
        methods[f"Noise2Self, {arguments.steps} steps, seed {seed}"] = lambda x, fill, seed=seed: (
            trained(x, fill, arguments.steps, seed)
        )
    for name, method in methods.items():
        first = {}  # PSNR with the first fill
        for fill in FILLS:
            start = time.perf_counter()
            outputs = [method(noisy, fill) for _, noisy, _ in sources]
            seconds = (time.perf_counter() - start) / len(sources)
            for number, of_one in enumerate(zip(*outputs, strict=True)):
                form = f", {INFERENCES[number]}" if len(outputs[0]) > 1 else ""
                values = [psnr(x, clean) for x, (_, _, clean) in zip(of_one, sources, strict=True)]
                figures[f"{name}{form}, {fill}"] = values
                gain = float(np.mean(np.subtract(values, first.setdefault(form, values))))
                rows.append([name + form, fill, *values, gain, seconds])
    columns = ["method", "fill", *(name for name, _, _ in sources), "gain", "seconds each"]
    report.table("PSNR in dB, and the mean gain over the fill by neighbours", columns, rows)
    report.end(**figures)


if __name__ == "__main__":
    main()
