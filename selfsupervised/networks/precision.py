# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The parts of a network that are computed in float32 where the rest is in bfloat16."""

from typing import Any

import torch


def in_float32(function: Any, *tensors: Any) -> Any:
    """What a module or function makes of tensors, in float32 where autocast would take less.

    bfloat16 has three digits. Inside a network they do, but an output, and what is added to it,
    would be rounded to them: the last layer of each network here is computed in this way, and so
    is the local mean that a network adds to. Outside of autocast this is ``function(*tensors)``.

    Parameters
    ----------
    function : callable
        A torch module, or any function of tensors.
    *tensors : tensor
        What it is called with, one or more, on one device.

    Returns
    -------
    any
        What `function` returns.

    See Also
    --------
    selfsupervised.Noise2SelfDenoiser : Its `precision` says what layers compute in.

    Examples
    --------
    >>> import torch
    >>> from selfsupervised.networks import in_float32
    >>> layer, x = torch.nn.Linear(2, 1), torch.zeros(1, 2)
    >>> with torch.autocast("cpu", torch.bfloat16):
    ...     layer(x).dtype, in_float32(layer, x).dtype
    (torch.bfloat16, torch.float32)
    """
    device = tensors[0].device.type
    if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
        return function(*tensors)
    with torch.autocast(device, enabled=False):
        return function(*(x.to(torch.promote_types(x.dtype, torch.float32)) for x in tensors))


def each_on_its_own(layer: Any, x: Any) -> Any:
    """What a convolution of each feature on its own makes of `x`, in the type of `x`.

    On processors such layers are three to six times as slow in bfloat16 as in float32, and are
    computed in the latter.

    Parameters
    ----------
    layer : torch.nn.Module
        With as many groups as features.
    x : tensor

    Returns
    -------
    tensor
    """
    if x.device.type != "cpu":
        return layer(x)
    return in_float32(layer, x).to(x.dtype)


def ended_in_float32(layers, x):
    """Output of layers one after the other, the last of them `in_float32`.

    Parameters
    ----------
    layers : torch.nn.Sequential
        One or more.
    x : tensor
        What the first is called with.

    Returns
    -------
    tensor
    """
    *inner, last = layers
    for layer in inner:
        x = layer(x)
    return in_float32(last, x)
