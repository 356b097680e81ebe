# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Train the network that `denoise(budget_s=...)` begins with, on dead leaves and no photograph.

It is that of one channel, and learns to remove white noise of any strength from images of leaves
with textures. They are drawn twice as large and halved, as a camera has no sharp edges. The file
goes into the package, in half precision. Stages have ever smaller steps, and each writes the file.
"""

import time

import numpy as np
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter

from benchmarks.report import options
from selfsupervised.auto.leaves import dead_leaves
from selfsupervised.images._taught import TaughtDenoiser
from selfsupervised.networks import Noise2SelfUNet
from selfsupervised.training.data import fill_crops, target_of

EDGE, MAX_BLUR_PIXELS = 192, 0.7
MIN_NOISE, MAX_NOISE = 0.06, 1.0  # in units of the spread of an image
STAGES = {0: (), 1: (), 2: (0.3, 0.5, 0.65, 0.8, 0.9)}  # halvings of the rate in each
RATES = 3e-3, 1.5e-3, 1e-3


def new_network():
    """One like that of the package, before it learned anything."""
    return Noise2SelfUNet(width=16, depth=3, residual=True)


class OfAnyStrength(TaughtDenoiser):
    """Noise of a strength that is drawn for each crop."""

    def scheme(self, x, rng, progress):
        """Make x + a z inputs, a of any size, and x targets."""
        levels = np.exp(rng.uniform(*np.log([MIN_NOISE, MAX_NOISE]), (len(x), 1, 1, 1)))
        z = rng.standard_normal(x.shape, dtype=np.float32)
        return fill_crops(x + levels.astype(np.float32) * z), target_of(x)


def lesson(rng):
    """An image of leaves, of mean 0 and spread 1."""
    centres, widths = rng.uniform(0, 1, rng.integers(2, 7)), rng.uniform(0.01, 0.2)
    colours = centres[rng.integers(len(centres), size=(4096, 1))]
    colours = np.clip(colours + rng.normal(0, widths, colours.shape), 0, 1)
    large = dead_leaves(colours, (1 + rng.integers(2)) * EDGE, rng, textured=True)
    if len(large) > EDGE:
        large = large.reshape(EDGE, 2, EDGE, 2).mean(axis=(1, 3))
    blur = rng.uniform(0, MAX_BLUR_PIXELS) * rng.integers(2)
    out = gaussian_filter(large, blur) if blur else large
    return ((out - out.mean()) / out.std()).astype(np.float32)


def main():
    chosen = options(
        __doc__,
        images=(800, "how many images of leaves"),
        steps=(7000, "of each stage"),
        to=("first.safetensors", "file to write"),
    )
    rng = np.random.default_rng(0)
    n_images, n_steps = (4, 5) if chosen.quick else (int(chosen.images), int(chosen.steps))
    start = time.process_time()
    lessons = [lesson(rng) for _ in range(n_images)]
    print(f"{n_images} images in {time.process_time() - start:.0f} s", flush=True)
    network = OfAnyStrength(new_network(), noise=1.0, patch_size=64, held_out=0.0, warm_start=True)
    for stage, halvings in STAGES.items():
        network.set_params(lr=RATES[stage], halvings=halvings, max_steps=n_steps).fit(lessons)
        weights = network.net_.module_.network.state_dict()
        halves = {name: values.numpy().astype(np.float16) for name, values in weights.items()}
        save_file(halves, chosen.to)
        loss = network.loss_curve_["train_loss"][-10:].mean()
        print(f"stage {stage}: loss {loss:.5f}, {time.process_time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
