# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The command line: ``selfsupervised denoise noisy.png`` and ``selfsupervised demo``."""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from selfsupervised.auto.blind import in_a_line
from selfsupervised.auto.denoise import FAMILIES, NETWORKS, denoise
from selfsupervised.files.pictures import read_image, write_image
from selfsupervised.noise.level import noise_level


def main(arguments=None):
    """Run the command line; errors in the user's input end it with one sentence and status 2."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (OSError, TypeError, ValueError) as error:
        sys.stderr.write(f"selfsupervised {options.command}: {error}\n")
        sys.exit(2)


def _parser():
    parser = argparse.ArgumentParser(
        prog="selfsupervised", description="Denoise pictures without any clean version of them."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("denoise", help="denoise a picture in a file")
    one.add_argument("image", type=Path, help="noisy picture (TIFF, PNG, JPEG, ...)")
    one.add_argument("-o", "--output", type=Path, help="default: NAME-denoised beside it")
    one.add_argument("--panel", type=Path, help="also write noisy | denoised | residual here")
    one.add_argument("--channel-axis", type=int, help="default: what the file says")
    one.set_defaults(run=_denoise_file)
    demo = commands.add_parser("demo", help="denoise a picture and show how it was done")
    demo.add_argument("--image", type=Path, help="default: scikit-image's camera with noise")
    demo.add_argument("--output-dir", type=Path, default=Path("demo-output"))
    demo.set_defaults(run=_demo)
    for command in (one, demo):
        command.add_argument(
            "--method",
            default="auto",
            choices=["auto", *sorted([*FAMILIES, *NETWORKS])],
            help="default: auto",
        )
        command.add_argument("--jobs", type=int, help="candidates computed at a time")
    return parser


def _denoise_file(options):
    image, channel_axis = _read(options.image)
    if options.channel_axis is not None:
        channel_axis = options.channel_axis
    output = options.output or options.image.with_name(
        f"{options.image.stem}-denoised{options.image.suffix}"
    )
    clean = _report(image, channel_axis, options)
    _write(clean, image, output)
    if options.panel:
        _write_panel(options.panel, image, clean, channel_axis)


def _demo(options):
    truth, channel_axis = None, None
    if options.image is None:
        image, truth = _noisy_camera()
        print("scikit-image's camera (512 x 512) with Gaussian noise, standard deviation 25 of 255")
    else:
        image, channel_axis = _read(options.image)
        print(f"{options.image}: {image.shape}, {image.dtype}")
    clean = _report(image, channel_axis, options)
    if truth is not None:
        print(
            f"truth, which no candidate saw: noisy {_psnr(image, truth):.2f} dB, "
            f"denoised {_psnr(clean, truth):.2f} dB"
        )
    suffix = ".png" if image.dtype in (np.uint8, np.uint16) else ".tif"
    _write(image, image, options.output_dir / f"noisy{suffix}")
    _write(clean, image, options.output_dir / f"denoised{suffix}")
    _write_panel(options.output_dir / "panel.png", image, clean, channel_axis)


def _read(path):
    """A picture without its transparency, which is no measurement."""
    image, channel_axis = read_image(path)
    if channel_axis == image.ndim - 1 and image.shape[-1] in (2, 4) and image.dtype.kind == "u":
        image = image[..., :-1]
        if image.shape[-1] == 1:
            image, channel_axis = image[..., 0], None
    return image, channel_axis


def _noisy_camera():
    """Camera with rounded, clipped noise, as a camera would deliver it, and without."""
    from skimage.data import camera

    truth = camera()
    noise = np.random.default_rng(0).normal(0, 25, truth.shape)
    return np.clip(np.rint(truth + noise), 0, 255).astype(np.uint8), truth


def _report(image, channel_axis, options):
    """Denoise, and print what was chosen from what."""
    start = time.perf_counter()
    if options.method in NETWORKS:
        return denoise(
            image, options.method, channel_axis=channel_axis, dtype=image.dtype, verbose=1
        )
    clean, search = denoise(
        image,
        options.method,
        channel_axis=channel_axis,
        dtype=image.dtype,  # which a file can hold
        n_jobs=options.jobs,
        return_search=True,
    )
    seconds = time.perf_counter() - start
    print(candidates_table(search))
    print(
        f"chosen: {in_a_line(search.denoiser_)} in {seconds:.1f} s; "
        f"estimated noise level {_noise_level(image, channel_axis):.3g}"
    )
    return clean


def candidates_table(search):
    """A search's candidates, best first, with their self-supervised losses, as text."""
    losses = -search.cv_results_["mean_test_score"]
    rows = ["  self-supervised loss  candidate"]
    for index in np.argsort(losses):
        candidate = in_a_line(search.cv_results_["params"][index]["estimator"])
        chosen = "*" if index == search.best_index_ else " "
        rows.append(f"{chosen} {losses[index]:20.6g}  {candidate}")
    return "\n".join(rows)


def _noise_level(image, channel_axis):
    image = np.asarray(image, dtype=float)
    if channel_axis is None:
        return noise_level(image)
    return noise_level(np.moveaxis(image, channel_axis, -1), channel_axis=-1)


def _psnr(image, truth):
    return 10 * np.log10(255**2 / np.mean(np.square(image.astype(float) - truth)))


def _write(clean, image, path):
    write_image(path, clean)
    print(f"wrote {path}")


def _write_panel(path, noisy, clean, channel_axis):
    """noisy | denoised | residual, side by side; of a volume the middle slice."""
    low, high = np.nanpercentile(noisy, (0.1, 99.9))
    noisy, clean = (np.asarray(image, dtype=float) for image in (noisy, clean))
    residual = noisy - clean
    if channel_axis is not None:
        noisy, clean, residual = (
            np.moveaxis(image, channel_axis, -1) for image in (noisy, clean, residual)
        )
    if noisy.ndim - (channel_axis is not None) == 3:
        noisy, clean, residual = (image[len(image) // 2] for image in (noisy, clean, residual))
    spread = 4 * np.nanstd(residual) or 1.0
    shown = [_stretch(noisy, low, high), _stretch(clean, low, high)]
    panel = np.concatenate([*shown, _stretch(residual, -spread, spread)], axis=1)
    if panel.ndim == 3 and panel.shape[-1] != 3:
        panel = panel.mean(axis=-1).astype(np.uint8)
    write_image(path, panel)
    print(
        f"wrote {path}: noisy | denoised | residual (grey is zero, white and black +-{spread:.3g})"
    )


def _stretch(image, low, high):
    """Grey values 0 to 255 for `low` to `high`."""
    scaled = np.nan_to_num((image - low) / max(high - low, np.finfo(float).tiny))
    return np.rint(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
