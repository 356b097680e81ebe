# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Fitted network estimators in one file, without pickle.

The file is a safetensors file. Its tensors are the weights and whatever else is an array; its
header holds, as JSON, the estimator's class, its parameters and what else it learned. Nothing in
a file is executed: names are looked up in tables, and everything else is numbers and text.
"""

import inspect
import json
import warnings
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sklearn.utils.validation import check_is_fitted

from selfsupervised import networks, partitions
from selfsupervised.core.files import replacing
from selfsupervised.networks._network import Network
from selfsupervised.noise.line import NoiseModel
from selfsupervised.noise.model import ChannelNoise, ImageNoise

FORMAT_VERSION = 1
# Where the header's JSON is, under which no other program would put anything.
HEADER_KEY = "selfsupervised"
COMPILED_PREFIX = "_orig_mod."  # what torch.compile puts before names of weights

NETWORKS = {
    name: network
    for name, network in vars(networks).items()
    if inspect.isclass(network) and issubclass(network, Network)
}
PARTITIONS = {
    name: partition
    for name, partition in vars(partitions).items()
    if inspect.isclass(partition) and hasattr(partition, "get_params")
}
OPTIMIZERS = {
    name: optimizer
    for name, optimizer in vars(torch.optim).items()
    if inspect.isclass(optimizer) and issubclass(optimizer, torch.optim.Optimizer)
}


def save_estimator(estimator, path):
    """Write a fitted network estimator to one file.

    Parameters
    ----------
    estimator : estimator
        Fitted. Its weights are those of ``estimator.net_.module_``; its other attributes that end
        in ``_`` are numbers, text, arrays, or lists, tuples and dictionaries of those.
    path : str or Path
        Where; ".safetensors" is the usual suffix. The file is written beside its place and
        then renamed.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If there is nothing to save.
    TypeError
        If a learned attribute is none of the above.

    Warns
    -----
    UserWarning
        If a parameter other than `module` cannot be stored, as callbacks cannot. It will have its
        default when loaded.
    """
    check_is_fitted(estimator)
    tensors = _weights(estimator.net_.module_, "net_")
    header = {
        "format": FORMAT_VERSION,
        "version": version("selfsupervised"),
        "class": type(estimator).__name__,
        "parameters": _parameters(estimator, tensors),
        "learned": {
            name: _encode(value, tensors, name)
            for name, value in vars(estimator).items()
            if name.endswith("_") and name[0] != "_" and name != "net_"
        },
    }
    with replacing(path) as beside:
        save_file(tensors, beside, {HEADER_KEY: json.dumps(header, allow_nan=False)})


def load_estimator(path, classes, *, module=None, device="auto"):
    """Read an estimator that `save_estimator` wrote.

    Parameters
    ----------
    path : str or Path
        The file.
    classes : sequence of type
        What the file may hold. A class has ``_new_net()``, which makes the ``net_`` of an
        estimator from its parameters and its other learned attributes, with any weights.
    module : class, instance or callable, default=None
        The estimator's parameter `module`. Needed where it is no network of this library, as no
        code is stored.
    device : str, default="auto"
        The estimator's parameter `device` from now on, whatever it was.

    Returns
    -------
    estimator
        Fitted; transforms as the saved one does.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, of another kind, of a newer version, holds an estimator of another
        class, or weights of another module.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected a saved estimator at {path}, found no such file.")
    header, tensors = _read(path)
    estimator_class = _class_of(header, classes, path)
    header["parameters"]["device"] = device
    stored = header["parameters"].get("module")
    if module is not None:
        header["parameters"]["module"] = None
    elif isinstance(stored, dict) and "foreign" in stored:
        raise ValueError(
            f"{path} holds weights of {stored['foreign']}, of which no code is stored; pass "
            f"module={stored['foreign']}, as in training."
        )
    try:
        # New modules draw weights, which those of the file replace.
        with torch.random.fork_rng(devices=[]):
            return _restored(estimator_class, header, tensors, module)
    except KeyError as error:
        raise _newer(path, header, f"and needs {error}, which this one lacks") from error


# -- reading -------------------------------------------------------------------------------


def _read(path):
    """Header and tensors of a file."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"Expected a file that save wrote, {path} is cut short, damaged or of another kind "
            f"({error}); copy or save it anew."
        ) from error
    if HEADER_KEY not in metadata:
        raise ValueError(
            f"Expected a file that save wrote, {path} is a safetensors file of another program; "
            f"load it there."
        )
    header = json.loads(metadata[HEADER_KEY])
    if header["format"] > FORMAT_VERSION:
        raise _newer(
            path, header, f"in format {header['format']}, this one reads up to {FORMAT_VERSION}"
        )
    return header, tensors


def _class_of(header, classes, path):
    """The class of the estimator in the file, if it is one of `classes` and has its parameters."""
    known = {estimator_class.__name__: estimator_class for estimator_class in classes}
    if header["class"] not in known:
        raise ValueError(
            f"Expected {' or '.join(known)} in {path}, found {header['class']}; load it by "
            f"{header['class']}.load or selfsupervised.load."
        )
    estimator_class = known[header["class"]]
    unknown = set(header["parameters"]) - set(inspect.signature(estimator_class).parameters)
    if unknown:
        raise _newer(path, header, f"with parameters that this one lacks: {sorted(unknown)}")
    return estimator_class


def _newer(path, header, how):
    return ValueError(
        f"{path} was written by selfsupervised {header['version']} {how}; install that version, "
        f"this is {version('selfsupervised')}."
    )


def _restored(estimator_class, header, tensors, module):
    estimator = estimator_class(**_decode({"dict": header["parameters"]}, tensors))
    if module is not None:
        estimator.set_params(module=module)
    for name, value in header["learned"].items():
        setattr(estimator, name, _decode(value, tensors))
    estimator.net_ = estimator._new_net()
    _set_weights(estimator.net_.module_, tensors, "net_")
    return estimator


def _set_weights(module, tensors, prefix):
    names = {name.replace(COMPILED_PREFIX, ""): name for name in module.state_dict()}
    start = f"{prefix}."
    stored = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
    try:
        module.load_state_dict({names.get(name, name): tensor for name, tensor in stored.items()})
    except RuntimeError as error:
        raise ValueError(
            "The file holds weights of another module than it is to be loaded into; pass the "
            "module of the training as module=."
        ) from error


def _decode(value, tensors):
    """The value that `_encode` made JSON of."""
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in content.items()}
    if kind == "tuple":
        return tuple(_decode(content, tensors))
    if kind == "float":
        return float(content)
    if kind == "number":
        return np.dtype(content[0]).type(_decode(content[1], tensors))
    if kind == "array":
        return tensors[content].numpy().copy()
    if kind == "names":
        return np.array(content, dtype=object)
    if kind == "optimizer":
        return OPTIMIZERS[content]
    if kind == "noise":
        channels, channel_axis = _decode(content, tensors)
        for channel in channels:
            channel["line"] = channel["line"] and NoiseModel(*channel["line"])
        return ImageNoise(tuple(ChannelNoise(**channel) for channel in channels), channel_axis)
    if kind == "partition":
        name, parameters = content
        return PARTITIONS[name](**_decode(parameters, tensors))
    return _decode_network(content, tensors)


def _decode_network(content, tensors):
    network = NETWORKS[content["name"]]
    arguments = _decode(content["arguments"], tensors)
    if content["form"] == "class":
        return network
    if content["form"] == "partial":
        return partial(network, **arguments)
    instance = network(**arguments)
    _set_weights(instance, tensors, content["weights"])
    return instance


# -- writing -------------------------------------------------------------------------------


class _NotStorableError(TypeError):
    pass


def _weights(module, prefix):
    """Copies of the weights, none of which shares memory, on the CPU."""
    return {
        f"{prefix}.{name.replace(COMPILED_PREFIX, '')}": tensor.detach()
        .cpu()
        .clone(memory_format=torch.contiguous_format)
        for name, tensor in module.state_dict().items()
    }


def _parameters(estimator, tensors):
    """The constructor's parameters as JSON, without those that cannot be."""
    encoded, left_out = {}, []
    for name, value in estimator.get_params(deep=False).items():
        if name == "device":  # is said in loading
            continue
        try:
            encoded[name] = _encode(value, tensors, name)
        except _NotStorableError:
            if name == "module":
                encoded[name] = {"foreign": _name(value)}
            else:
                left_out.append(name)
    if left_out:
        warnings.warn(
            f"{type(estimator).__name__} is saved without {', '.join(left_out)}, which cannot be "
            f"stored, and will have the default when loaded.",
            UserWarning,
            stacklevel=4,
        )
    return encoded


def _name(module):
    """What a user calls a class, function, instance or partial."""
    module = module.func if isinstance(module, partial) else module
    return getattr(module, "__name__", type(module).__name__)


def _encode(value, tensors, where):
    """`value` as JSON; arrays go to `tensors`, under the name `where`."""
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if np.isfinite(value) else {"float": str(value)}
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return {"number": [value.dtype.name, _encode(value.item(), tensors, where)]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        native = value.dtype.newbyteorder("=")
        tensors[where] = torch.from_numpy(np.array(value, dtype=native, order="C"))
        return {"array": where}
    if isinstance(value, np.ndarray) and all(isinstance(name, str) for name in value):
        return {"names": [str(name) for name in value]}
    if type(value) in (list, tuple):
        items = [_encode(item, tensors, f"{where}.{i}") for i, item in enumerate(value)]
        return items if type(value) is list else {"tuple": items}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {k: _encode(v, tensors, f"{where}.{k}") for k, v in value.items()}}
    if isinstance(value, ImageNoise):
        channels = [{**asdict(c), "line": c.line and tuple(c.line)} for c in value.channels]
        return {"noise": _encode([channels, value.channel_axis], tensors, where)}
    if _is_in(OPTIMIZERS, value):
        return {"optimizer": value.__name__}
    if _is_in(PARTITIONS, type(value)):
        parameters = _encode(value.get_params(deep=False), tensors, where)
        return {"partition": [type(value).__name__, parameters]}
    return {"network": _encode_network(value, tensors, where)}


def _is_in(table, value):
    return table.get(getattr(value, "__name__", None)) is value


def _encode_network(value: Any, tensors, where):
    """One of this library's networks: the class, a partial of it, or an instance."""
    form, network = "class", value
    arguments: dict[str, Any] = {}
    if isinstance(value, partial) and not value.args:
        form, network, arguments = "partial", value.func, dict(value.keywords)
    elif isinstance(value, torch.nn.Module):
        form, network = "instance", type(value)
    if not _is_in(NETWORKS, network):
        raise _NotStorableError(
            f"Expected what is saved to be numbers, text, arrays, or lists, tuples and "
            f"dictionaries of those; got {where}={value!r}."
        )
    if form == "instance":
        arguments = value.arguments
        tensors.update(_weights(value, where))
    return {
        "name": network.__name__,
        "form": form,
        "arguments": _encode(arguments, tensors, f"{where}.arguments"),
        "weights": where,
    }
