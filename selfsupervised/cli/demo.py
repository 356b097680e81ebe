# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""``selfsupervised demo``: a picture is denoised, and what was tried is shown."""

import time

import numpy as np

from selfsupervised.auto.one_image import denoise_image
from selfsupervised.cli.panel import write_panel
from selfsupervised.cli.words import table, warnings_in_words
from selfsupervised.core.axes import parse_axes
from selfsupervised.core.words import in_short
from selfsupervised.files.pictures import read_picture, write_array, write_picture


def run(options):
    """Denoise the picture, and print what was chosen from what."""
    truth = None
    if options.image is None:
        image, truth = noisy_camera()
        axes, picture = parse_axes("YX"), None
        print("scikit-image's camera (512 x 512) with Gaussian noise, standard deviation 25 of 255")
    else:
        picture = read_picture(options.image)
        (part, *_), image = picture.parts, picture.parts[0].measured
        axes = parse_axes(part.axes)
        print(f"{options.image}: {part.describe()}")
        if axes.batch or len(picture.parts) > 1:
            raise ValueError("the demo takes one picture; use `selfsupervised denoise`.")
    start = time.perf_counter()
    with warnings_in_words("demo"):
        clean, found = denoise_image(
            image, options.method, channel_axis=axes.channel, dtype=image.dtype,
            n_jobs=options.jobs, budget_s=options.budget,
        )  # fmt: skip
    options.interrupts.check()
    print(candidates_table(found))
    print(f"chosen: {in_short(found.denoiser_)} in {time.perf_counter() - start:.1f} s")
    if truth is not None:
        print(
            f"truth, which no candidate saw: noisy {_psnr(image, truth):.2f} dB, "
            f"denoised {_psnr(clean, truth):.2f} dB"
        )
    _write(options.output_dir, image, clean, picture)
    panel = options.output_dir / "panel.png"
    print(write_panel(panel, np.ma.getdata(image), clean, axes, like=options.image))


def _write(folder, image, clean, picture):
    suffix = ".png" if picture is None else picture.path.suffix
    for name, array in (("noisy", np.ma.getdata(image)), ("denoised", np.ma.getdata(clean))):
        path = folder / f"{name}{suffix}"
        if picture is None:
            write_array(path, array)
        else:
            write_picture(path, picture, [array])
        print(f"wrote {path}")


def noisy_camera():
    """Camera with rounded, clipped noise, as a camera would deliver it, and without."""
    from skimage.data import camera

    truth = camera()
    noise = np.random.default_rng(0).normal(0, 25, truth.shape)
    return np.clip(np.rint(truth + noise), 0, 255).astype(np.uint8), truth


def candidates_table(found):
    """Candidates of a choice, best first, with what they were judged by, as text."""
    errors = -found.cv_results_["mean_test_score"]
    rows = [("", found.judged_by_, "candidate")]
    for index in np.argsort(errors):
        chosen = "*" if index == found.best_index_ else ""
        candidate = in_short(found.cv_results_["params"][index]["estimator"])
        rows.append((chosen, f"{errors[index]:.6g}", candidate))
    return table(rows)


def _psnr(image, truth):
    return 10 * np.log10(255**2 / np.mean(np.square(image.astype(float) - truth)))
