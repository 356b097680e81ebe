# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Training with given targets, clean or noisy: what training on noisy images is measured by."""

from functools import partial

import numpy as np
import torch

from selfsupervised.images._network import HALVINGS
from selfsupervised.networks import Noise2SelfUNet, self_ensemble
from selfsupervised.training.net import halved

U_NET = partial(Noise2SelfUNet, width=16, depth=3, residual=True)  # the default
# The same for all.
FOLDER = {"module": U_NET, "patch_size": 64, "batch_size": 4, "lr": 3e-3}


def supervised(noisy, targets, steps, axis, seed=0):
    """A denoiser by the network of `FOLDER`, its crops, optimizer and schedule, given targets."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    edge, n_crops = FOLDER["patch_size"], FOLDER["batch_size"]
    values = np.concatenate([x.ravel() for x in noisy])
    mean, scale = values.mean(), values.std()

    def as_input(images):
        batch = np.stack(
            [image[None] if axis is None else np.moveaxis(image, -1, 0) for image in images]
        )
        return torch.from_numpy(((batch - mean) / scale).astype(np.float32))

    network = FOLDER["module"](1 if axis is None else 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=FOLDER["lr"])
    halvings = partial(halved, at=HALVINGS, max_steps=steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, halvings)
    for _ in range(steps):
        seen, told = [], []
        for _ in range(n_crops):
            number = rng.integers(len(noisy))
            top, left = (rng.integers(size - edge + 1) for size in noisy[number].shape[:2])
            crop = np.s_[top : top + edge, left : left + edge]
            flip, turns = 1 - 2 * rng.integers(2), int(rng.integers(4))
            for batch, images in ((seen, noisy), (told, targets)):
                batch.append(np.rot90(images[number][crop][:, ::flip], turns))
        optimizer.zero_grad()
        (network(as_input(seen)) - as_input(told)).square().mean().backward()
        optimizer.step()
        schedule.step()
    network.eval()

    def denoise(image):
        with torch.no_grad():
            out = self_ensemble(network, as_input([image]))[0].double().numpy() * scale + mean
        return out[0] if axis is None else np.moveaxis(out, 0, -1)

    return denoise
