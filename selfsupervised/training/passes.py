# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A network as skorch sees it: one or more passes a step, in the precision at hand."""

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from selfsupervised.networks import padded

PRECISIONS = ("auto", "float32", "bfloat16")


class Passes(nn.Module):
    """Outputs of a network for the several inputs that a scheme may have.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (n, channels, *spatial) to the same shape.
    multiple : int, default=1
        What the network needs edges to be divisible by.
    bfloat16 : bool, default=False
        Whether convolutions and matrix products are computed in bfloat16 (`torch.autocast`).
        Outputs are float32 all the same, and so is all that the network itself computes
        `in_float32`: those of this library their last layer and the mean that they add to.
    layout : torch.memory_format, default=torch.contiguous_format
        How batches and weights lie in memory; `torch.channels_last` (`torch.channels_last_3d`
        for volumes) suits bfloat16 and GPUs.

    Attributes
    ----------
    average : torch.nn.Module or None
        A network whose weights are a running mean of those in training, which is what predicts.
    """

    def __init__(self, network, multiple=1, *, bfloat16=False, layout=torch.contiguous_format):
        super().__init__()
        self.network = network
        self.multiple = multiple
        self.in_bfloat16 = bfloat16
        self.layout = layout
        self.average: Any = None
        if layout != torch.contiguous_format:
            self.network.to(memory_format=layout)

    def forward(self, x, second=None, third=None, without_gradient=None):
        """Outputs for those that are given, the last one without a gradient."""
        outputs = [self._output(each) for each in (x, second, third) if each is not None]
        if without_gradient is not None:
            with torch.no_grad():
                outputs.append(self._output(without_gradient))
        return tuple(outputs)

    def _output(self, x):
        network = self.network if self.training or self.average is None else self.average
        x = x.contiguous(memory_format=self.layout)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.in_bfloat16):
            output = padded(network, x, self.multiple)
        return output.float()

    def start_average(self):
        """Have a running mean of the weights predict from now on."""
        self.average = AveragedModel(
            self.network, multi_avg_fn=self._towards_weights, use_buffers=True
        ).requires_grad_(False)
        self.average.n_averaged += 1  # it begins as a copy

    def update_average(self, decay):
        """Move the mean by a share ``1 - decay`` of the way to the present weights."""
        self._share = 1 - decay
        self.average.update_parameters(self.network)

    @torch.no_grad()
    def _towards_weights(self, means, weights, _):
        for mean, weight in zip(means, weights, strict=True):
            if mean.is_floating_point():
                mean.lerp_(weight, self._share)
            else:  # a counter
                mean.copy_(weight)

    def settle(self):
        """Let the mean be the network, and average no more."""
        if self.average is not None:
            self.network.load_state_dict(self.average.module.state_dict())
            self.average = None


def in_precision(network, multiple, precision, device, n_dims):
    """`Passes` in a precision, by name, with the layout in memory that goes with it.

    "auto" is bfloat16 where the device is faster in it, otherwise float32.
    """
    bfloat16 = bfloat16_is_faster(device) if precision == "auto" else precision == "bfloat16"
    layout = torch.contiguous_format
    if bfloat16 or device.type == "cuda":
        layout = torch.channels_last if n_dims == 2 else torch.channels_last_3d
    return Passes(network, multiple, bfloat16=bfloat16, layout=layout)


def bfloat16_is_faster(device):
    """Whether networks are computed faster in bfloat16 than in float32: what "auto" asks.

    A rule and no measurement, so that a fit comes out the same again on the same machine,
    whatever else that is doing. On processors it asks for tile units (AMX). Instructions for
    bfloat16 alone (AVX512-BF16) make wide networks faster and the narrow ones that are the
    default here slower.

    Parameters
    ----------
    device : torch.device
        Where.

    Returns
    -------
    bool
    """
    if device.type == "cuda":
        # Before compute capability 8.0 it is emulated.
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":
        # A name of torch 2.6 and later; without it float32 is the safe answer.
        return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())
    return False


def choose_device(device):
    """The device that a user asked for, or the best that is there.

    Parameters
    ----------
    device : str or torch.device
        "auto" is CUDA, else MPS, else the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If it is not there.
    """
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there[:0] = ["cuda", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if isinstance(device, str) and device == "auto":
        return torch.device(there[0])
    if str(device) not in there:
        raise ValueError(
            f"Expected device to be 'auto' or one that is there ({', '.join(there)}); got "
            f"{str(device)!r}. Use device='auto', or install torch for that device."
        )
    return torch.device(device)


class WeightedMSE(nn.Module):
    """Base of the criteria of schemes; at validation the held-out loss.

    A subclass implements ``loss(outputs, targets)``, from the outputs of `Passes` and what the
    scheme gave as targets.
    """

    def forward(self, outputs, targets):
        """Loss of a batch, in squared normalised units."""
        if self.training:
            return self.loss(outputs, targets)
        # The weights make the mean over items the mean over all held-out entries.
        return self._errors(outputs, targets).sum() / len(targets[0])

    def entries(self, outputs, targets):
        """The summands of the held-out loss, for each held-out entry one."""
        return self._errors(outputs, targets)[targets[1] > 0]

    @staticmethod
    def _errors(outputs, targets):
        target, weight = targets
        return weight * (outputs[0] - target).square()

    def loss(self, outputs, targets):
        """Loss in training; to be implemented."""
        raise NotImplementedError


def weighted_mean(values, weight):
    """Mean of `values` weighted by `weight`; 0 where there is nothing to weigh."""
    return (values * weight).sum() / weight.sum().clamp(min=1)
