# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether two versions of the library give the same numbers, bit for bit.

    python -m benchmarks.same_numbers --save before.npz      # in the old version
    python -m benchmarks.same_numbers --compare before.npz   # in the new one

Public names only, so that any two versions can be compared. Networks are compared in float32, as
"auto" differs from machine to machine; both runs must be on one machine and one torch.
"""

import argparse
import json
import sys
import warnings

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import selfsupervised as ss

SIZE = 96
STEPS = 12


def pictures():
    """Noisy pictures by name: grey, colour, photons, outliers, holes, a volume, shared noise."""
    from scipy.ndimage import gaussian_filter
    from skimage.data import astronaut, camera

    rng = np.random.default_rng(0)
    grey = camera()[100 : 100 + SIZE, 180 : 180 + SIZE].astype(float)
    colour = astronaut()[:SIZE, 160 : 160 + SIZE].astype(float)
    z = np.linspace(0, 3, 10)
    volume = 100 + 50 * np.sin(z[:, None, None] + np.add.outer(z, np.linspace(0, 5, 14)))
    white = grey + rng.normal(0, 15, grey.shape)
    salted = white.copy()
    salted[rng.random(grey.shape) < 0.02] = 255.0
    holes = white.copy()
    holes[10:14, 20:40] = np.nan
    shared = grey + 3 * gaussian_filter(rng.normal(0, 15, grey.shape), 1)
    return {
        "white": white,
        "uint8": np.clip(np.rint(white), 0, 255).astype(np.uint8),
        "float32": white.astype(np.float32),
        "photons": rng.poisson(grey / 8).astype(np.uint16),
        "salted": salted,
        "holes": holes,
        "shared": shared,
        "colour": colour + rng.normal(0, 20, colour.shape),
        "volume": volume + rng.normal(0, 8, volume.shape),
    }


def axis_of(name):
    """The channel axis of a picture."""
    return -1 if name == "colour" else None


def of_denoise(images):
    """Whole results and losses of `denoise`."""
    for name, image in images.items():
        options = {"channel_axis": axis_of(name), "return_search": True}
        out, search = ss.denoise(image, **options)
        yield f"denoise {name}", out
        yield f"denoise {name}, losses", search.cv_results_["mean_test_score"]
    for method in ("gaussian", "median", "wavelet", "total_variation", "nl_ridge"):
        yield f"denoise by {method}", ss.denoise(images["uint8"], method)
    first = np.moveaxis(images["colour"], -1, 0)
    yield "denoise, channels first", ss.denoise(first, "wavelet", channel_axis=0)
    yield "denoise by a function", ss.denoise(images["white"], lambda image: image / 2)


def of_classical(images):
    """Outputs and scores of the classical denoisers and of what is around them."""
    denoisers = [
        ss.BilateralDenoiser(),
        ss.GaussianDenoiser(1.2),
        ss.MedianDenoiser(),
        ss.NLRidgeDenoiser(),
        ss.NonLocalMeansDenoiser(),
        ss.TotalVariationDenoiser(),
        ss.WaveletDenoiser(),
        ss.OutlierRemover(ss.WaveletDenoiser()),
        ss.VarianceStabilizer(ss.WaveletDenoiser()),
        ss.FunctionDenoiser(np.sqrt),
    ]
    for denoiser in denoisers:
        of = type(denoiser).__name__
        for name, image in images.items():
            if name == "volume" and of in ("BilateralDenoiser", "NLRidgeDenoiser"):
                continue
            denoiser.set_params(channel_axis=axis_of(name))
            yield f"{of} {name}", denoiser.fit_transform(np.abs(image)[None])
        denoiser.set_params(channel_axis=None)
        yield f"{of} score", denoiser.fit(images["photons"][None]).score(images["photons"][None])
    for around in (ss.VarianceStabilizer, ss.OutlierRemover):
        yield (
            f"{around.__name__} of a function",
            around(np.tanh).fit_transform(images["holes"][None]),
        )
        colour = around(np.tanh, channel_axis=-1).fit_transform(images["colour"][None])
        yield f"{around.__name__} of a function, colour", colour
    sizes = [images["white"], images["white"][:50, :60]]
    yield from ((f"list {n}", x) for n, x in enumerate(ss.MedianDenoiser().transform(sizes)))
    for name, image in images.items():
        yield f"noise {name}", ss.estimate_noise(image, channel_axis=axis_of(name))
        line = ss.estimate_noise(image, "poisson_gaussian", channel_axis=axis_of(name))
        yield f"noise line {name}", tuple(line)
    yield "noise correlation", ss.noise_correlation(images["shared"])


def of_wrapper(images):
    """J-invariant outputs and losses: partitions, fills, mixtures, searches."""
    wavelet, stack = ss.WaveletDenoiser(), images["white"][None]
    partitions = [
        ss.PixelGrid(3),
        ss.PixelGrid(4, footprint="disk"),
        ss.RandomPixels(7),
        ss.StratifiedPixels(3),
        ss.SinglePixels(),
    ]
    for partition in partitions:
        inner = ss.GaussianDenoiser() if isinstance(partition, ss.SinglePixels) else wavelet
        wrapper = ss.JInvariantWrapper(inner, partition=partition).fit(stack)
        yield f"J-invariant {partition}", wrapper.transform(stack)
        yield f"score {partition}", wrapper.score(stack)
    for fill in ("uniform", "random_neighbor", 3.0, None):
        yield f"fill {fill}", ss.JInvariantWrapper(wavelet, fill=fill).fit_transform(stack)
    for mix in ("optimal", "local", 0.3):
        yield f"mix {mix}", ss.JInvariantWrapper(wavelet, mix=mix).fit_transform(stack)
    colour = ss.WaveletDenoiser(channel_axis=-1)
    each = ss.JInvariantWrapper(colour, partition=ss.PixelGrid(4, per_channel=True), mix="local")
    yield "J-invariant by channel", each.fit_transform(images["colour"][None])
    for loss in ("mse", "mae"):
        yield f"loss {loss}", ss.self_supervised_loss(wavelet, stack, loss=loss, n_subsets=3)
    yield "loss of a function", ss.self_supervised_loss(np.cos, images["holes"][None])
    yield "loss held out", ss.self_supervised_loss(wavelet, stack, partition=ss.HeldOutPixels())
    yield "psnr", ss.estimated_psnr(wavelet, stack, data_range=255, noise_variance=225)
    pipeline = make_pipeline(ss.MedianDenoiser(1), ss.GaussianDenoiser())
    yield "pipeline", ss.JInvariantWrapper(pipeline).fit_transform(stack)
    search = GridSearchCV(
        ss.JInvariantWrapper(ss.MedianDenoiser()),
        {"estimator__radius": [1, 2, 3]},
        cv=ss.InSample(),
        error_score="raise",
    ).fit(images["uint8"][None])
    yield "search", search.cv_results_["mean_test_score"]


def of_counts():
    """Tables and counts."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, size=(200, 3)) @ rng.gamma(0.5, size=(3, 40))
    counts = rng.poisson(4 * rates)
    table = rates + rng.normal(size=rates.shape)
    for regressor in (Ridge(), ss.PCARegression(2)):
        wrapper = ss.JInvariantWrapper(regressor)
        yield f"table {regressor}", wrapper.fit_transform(table)
        yield f"table score {regressor}", wrapper.score(table)
    estimators = [
        ss.CountNormalizer(),
        ss.PCADenoiser(3),
        ss.PCADenoiserCV(6, random_state=0),
        ss.NeighborDiffusionDenoiser(5, n_components=3),
    ]
    for estimator in estimators:
        of = type(estimator).__name__
        out = estimator.fit_transform(counts)
        yield f"counts {of}", out.toarray() if hasattr(out, "toarray") else out
    partition = ss.MoleculeSplit(n_splits=2)
    split = ss.self_supervised_loss(ss.PCADenoiser(3), counts, partition=partition, loss="poisson")
    yield "counts loss", split
    yield "counts thinned", np.stack([p.seen for p in ss.MoleculeSplit(0.3).split(counts)])
    try:
        from anndata import AnnData

        adata = AnnData(counts.astype(np.float32))
        ss.pp.denoise_counts(adata, max_comps=6, genes=["3", "7"])
        yield "pp", adata.obsm["denoised_genes"].to_numpy()
    except ImportError:
        pass


def of_networks(images):
    """The networks after a few steps."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
    stack, shared = images["holes"][None], {"max_steps": STEPS, "precision": "float32"}
    denoisers = [
        ss.Noise2SelfDenoiser(**shared),
        ss.Noise2SelfDenoiser(**shared, inference="local", partition=ss.PixelGrid(3)),
        ss.Noise2SameDenoiser(**shared),
        ss.Noise2SameDenoiser(**shared, lambda_inv="noise", local=False, fill="normal"),
        ss.Neighbor2NeighborDenoiser(**shared),
        ss.Self2SelfDenoiser(**shared, n_predictions=3),
        ss.Self2SelfPlusDenoiser(**shared, n_predictions=3),
    ]
    for number, denoiser in enumerate(denoisers):
        of = f"{type(denoiser).__name__} {number}"
        yield of, denoiser.fit_transform(stack)
        yield f"{of}, losses", denoiser.loss_curve_["held_out_loss"]
        yield f"{of}, score", denoiser.score(stack)
    colour = ss.Noise2SelfDenoiser(**shared, channel_axis=-1, fill="uniform")
    yield "network in colour", colour.fit_transform(images["colour"][None])


def results():
    """All results by name, as arrays; an error is a result too."""
    images, found = pictures(), {}
    groups = [of_denoise(images), of_classical(images), of_wrapper(images)]
    for group in [*groups, of_counts(), of_networks(images)]:
        for name, value in group:
            found[name] = np.asarray(value)
    return found


def compare(before, after):
    """Rows (name, verdict) of what differs."""
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            yield name, "only " + ("after" if name in after else "before")
            continue
        old, new = before[name], after[name]
        if old.dtype != new.dtype or old.shape != new.shape:
            yield name, f"{old.dtype} {old.shape} became {new.dtype} {new.shape}"
        elif not np.array_equal(old, new, equal_nan=True):
            gap = np.nanmax(np.abs(new.astype(float) - old)) / (np.nanstd(old) or 1.0)
            yield name, f"differs, at most {gap:.3g} standard deviations of the result"


def main():
    """Save, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--save", help="file to write")
    choice.add_argument("--compare", help="file that another version wrote")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = results()
    if options.save:
        np.savez(options.save, **found)
        print(json.dumps({"results": len(found)}))
        return
    rows = list(compare(dict(np.load(options.compare)), found))
    for name, verdict in rows:
        print(f"{name}: {verdict}")
    print(json.dumps({"results": len(found), "different": len(rows)}))
    sys.exit(bool(rows))


if __name__ == "__main__":
    main()
