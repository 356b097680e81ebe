# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Trained networks as packages of the BioImage Model Zoo, which Fiji, ilastik and others read."""

import inspect
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from selfsupervised.core.files import replacing
from selfsupervised.core.optional import optional
from selfsupervised.core.types import ArrayLike
from selfsupervised.networks import receptive_radius, self_ensemble
from selfsupervised.networks.probing import probe

# Above rounding, in units of the noise: what may lie between a network and its trace.
MAX_TRACE_ERROR = 1e-3
MIN_STD = 1e-6  # of the format's zero-mean-unit-variance; below, a linear scaling says the same
MIN_NAME_LENGTH = 5  # of the format
SPACE = "zyx"


class Exported:
    """Gives an estimator the method `export_bioimageio`."""

    net_: Any

    def export_bioimageio(
        self,
        path: str | Path,
        *,
        license: str,
        authors: str | Sequence[str | dict[str, str]],
        name: str | None = None,
        pixel_size: float | Sequence[float] | None = None,
        test_image: ArrayLike | None = None,
    ) -> None:
        """Write the trained network as a package of the BioImage Model Zoo.

        The package holds a description (rdf 0.5), the network as TorchScript, and a test input
        with its output. Data are normalised by the mean and the scale that were learned, and come
        back in units of the images. It needs the extra `bioimageio`.

        Parameters
        ----------
        path : str or Path
            Where; a ".zip" file, which is written beside its place and then renamed.
        license : str
            Under which others may use the network: an identifier of SPDX, such as "CC-BY-4.0".
        authors : str, or list of str or dict
            Who trained it: names, or dictionaries of `name`, `affiliation`, `orcid`.
        name : str, default=None
            Of the model; by default that of the class.
        pixel_size : float or sequence of float, default=None
            Edge of a pixel in micrometres, one for all spatial axes or one for each, as in the
            training. By default axes have no unit.
        test_image : array-like of shape (*spatial) or (*spatial, n_channels), default=None
            Noisy image whose middle is the test input; random numbers by default.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is nothing to export.
        ValueError
            If the file is no ".zip", the name is too short, the license or an author is none, or
            `test_image` is of another kind or smaller than the network needs.
        TypeError
            If the estimator does more than to apply its network, or that cannot be traced.
        ImportError
            If bioimageio.spec is not installed.

        Notes
        -----
        The network of the package takes edges that are multiples of what its layers need, and no
        missing pixels: padding, tiles and NaN are up to the program that applies it.
        """
        check_is_fitted(self)
        if Path(path).suffix != ".zip":
            raise ValueError(f"Expected a path that ends in '.zip', got {str(path)!r}.")
        if name is not None and len(name) < MIN_NAME_LENGTH:
            raise ValueError(f"Expected name of {MIN_NAME_LENGTH} letters or more, got {name!r}.")
        spec = optional("bioimageio.spec", caller="export_bioimageio", extra="bioimageio")
        v0_5 = optional(
            "bioimageio.spec.model.v0_5", caller="export_bioimageio", extra="bioimageio"
        )
        parts = {
            "license": _license(v0_5, license),
            "authors": _authors(v0_5, authors),
            "name": type(self).__name__ if name is None else name,
        }
        network = plain_network(self)
        multiple = self.net_.module_.multiple
        given = _test_input(self, multiple, test_image)
        script, out = _traced(self, network, given)
        axes = partial(_axes, v0_5, self, multiple, pixel_size)
        with TemporaryDirectory() as folder:
            here = Path(folder)
            torch.jit.save(script, here / "weights.pt")
            np.save(here / "input.npy", given)
            np.save(here / "output.npy", out)
            (here / "README.md").write_text(_readme(self, network, multiple))
            model = v0_5.ModelDescr(
                **parts,
                description=_summary(self),
                documentation=v0_5.FileDescr(source=here / "README.md"),
                tags=["denoising", "self-supervised", "selfsupervised"],
                inputs=[_input(v0_5, self, axes(None), here / "input.npy")],
                outputs=[_output(v0_5, self, axes("input"), here / "output.npy")],
                weights=v0_5.WeightsDescr(
                    torchscript=v0_5.TorchscriptWeightsDescr(
                        source=here / "weights.pt",
                        pytorch_version=torch.__version__.partition("+")[0],
                    )
                ),
            )
            with replacing(path) as beside:
                spec.save_bioimageio_package(model, output_path=beside)


class _WithViews(nn.Module):
    """A network whose outputs are means over turned and mirrored views."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self_ensemble(self.network, x)


def plain_network(estimator):
    """What an estimator applies, as a network on the CPU in float32.

    Raises
    ------
    TypeError
        If it does more than that.
    """
    if getattr(estimator, "n_predictions", None) is not None:
        raise TypeError(
            f"{type(estimator).__name__} predicts by the mean over random samples, which the "
            f"format of the BioImage Model Zoo cannot hold: export a Noise2SelfDenoiser, a "
            f"Noise2SameDenoiser or a Neighbor2NeighborDenoiser."
        )
    if getattr(estimator, "inference", "direct") != "direct":
        raise TypeError(
            f"Only the network of inference='direct' can be exported, got "
            f"inference={estimator.inference!r}: set_params(inference='direct') before."
        )
    network = probe(
        getattr(estimator.net_.module_.network, "_orig_mod", estimator.net_.module_.network)
    )
    return (
        _WithViews(network) if estimator.augment and estimator.test_time_augmentation else network
    )


def _traced(estimator, network, given):
    """The network as TorchScript, and its output for the test input, in units of the images."""
    scale = estimator.scale_ or 1.0
    x = torch.from_numpy(((given - estimator.mean_) / scale).astype(np.float32))
    larger = torch.cat([x, x], dim=-1)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # The trace is compared with the network below; that TorchScript is an old format is
            # no news to who needs it.
            warnings.simplefilter("ignore")
            script = torch.jit.trace(network, x, check_trace=False)
            script = torch.jit.freeze(script.eval())
            error = max(float((script(y) - network(y)).abs().max()) for y in (x, larger))
            out = script(x).numpy()
    except RuntimeError as failure:
        raise _not_traceable(estimator, "its trace failed") from failure
    if not error <= MAX_TRACE_ERROR:
        raise _not_traceable(estimator, f"its trace differs from it by {error:.3g}")
    out = out.astype(np.float64) * estimator.scale_ + estimator.mean_
    return script, out.astype(np.float32)


def _not_traceable(estimator, why):
    name = type(estimator.net_.module_.network).__name__
    return TypeError(
        f"{name} cannot be exported as TorchScript, {why}: use a network without random numbers "
        f"and without branches on values or sizes."
    )


def _test_input(estimator, multiple, image):
    """Noisy values of shape (1, n_channels, *spatial), in units of the images."""
    edge = multiple * max(2, -(-16 // multiple))
    shape = (estimator.n_channels_, *[edge] * estimator.n_dims_)
    if image is None:
        values = np.random.default_rng(0).normal(estimator.mean_, estimator.scale_, shape)
        return values[None].astype(np.float32)
    x = estimator._channels_first(np.asarray(image))
    if min(x.shape[1:]) < 2 * multiple or np.isnan(x).any():
        raise ValueError(
            f"Expected test_image with edges of {2 * multiple} pixels or more and without NaN, "
            f"got one of shape {np.shape(image)}."
        )
    sizes = [min(size // multiple * multiple, edge) for size in x.shape[1:]]
    starts = [(size - kept) // 2 for size, kept in zip(x.shape[1:], sizes, strict=True)]
    cut = tuple(slice(at, at + kept) for at, kept in zip(starts, sizes, strict=True))
    return x[(slice(None), *cut)][None].astype(np.float32)


# -- the description -----------------------------------------------------------------------


def _license(v0_5, license):
    try:
        return v0_5.LicenseId(license)
    except ValueError as error:
        raise ValueError(
            f"export_bioimageio expected license to be an identifier of SPDX, such as 'CC-BY-4.0' "
            f"or 'MIT', under which others may use the network; got {license!r}."
        ) from error


def _authors(v0_5, authors):
    names = [authors] if isinstance(authors, (str, dict)) else list(authors or [])
    entries = [{"name": one} if isinstance(one, str) else one for one in names]
    if not entries or not all(isinstance(one, dict) and one.get("name") for one in entries):
        raise ValueError(
            f"export_bioimageio expected authors to be names, or dictionaries with a name; got "
            f"{authors!r}."
        )
    return [v0_5.Author(**one) for one in entries]


def _axes(v0_5, estimator, multiple, pixel_size, like):
    """Axes of a tensor; with sizes `like` those of another, if that is given."""
    n = estimator.n_dims_
    edges: Any = [pixel_size] * n if np.ndim(pixel_size) == 0 else list(pixel_size)
    if len(edges) != n or not all(edge is None or edge > 0 for edge in edges):
        raise ValueError(
            f"Expected pixel_size to be one length above 0, or one for each of {n} axes; got "
            f"{pixel_size!r}."
        )
    channels = [f"channel{number}" for number in range(estimator.n_channels_)]
    axes = [v0_5.BatchAxis(), v0_5.ChannelAxis(channel_names=channels)]
    for letter, edge in zip(SPACE[-n:], edges, strict=True):
        unit = {} if edge is None else {"unit": "micrometer", "scale": float(edge)}
        if like is None:
            size = v0_5.ParameterizedSize(min=2 * multiple, step=multiple)
            axes.append(v0_5.SpaceInputAxis(id=letter, size=size, **unit))
        else:
            size = v0_5.SizeReference(tensor_id=like, axis_id=letter)
            axes.append(v0_5.SpaceOutputAxis(id=letter, size=size, **unit))
    return axes


def _input(v0_5, estimator, axes, path):
    mean, std = float(estimator.mean_), float(estimator.scale_ or 1.0)
    if std > MIN_STD:
        kwargs = v0_5.FixedZeroMeanUnitVarianceKwargs(mean=mean, std=std)
        normalized = v0_5.FixedZeroMeanUnitVarianceDescr(kwargs=kwargs)
    else:
        linear = v0_5.ScaleLinearKwargs(gain=1 / std, offset=-mean / std)
        normalized = v0_5.ScaleLinearDescr(kwargs=linear)
    return v0_5.InputTensorDescr(
        id="input",
        description="Noisy image.",
        axes=axes,
        test_tensor=v0_5.FileDescr(source=path),
        data=v0_5.IntervalOrRatioDataDescr(type="float32"),
        preprocessing=[normalized],
    )


def _output(v0_5, estimator, axes, path):
    linear = v0_5.ScaleLinearKwargs(gain=float(estimator.scale_), offset=float(estimator.mean_))
    return v0_5.OutputTensorDescr(
        id="output",
        description="Denoised image, in the units of the noisy one.",
        axes=axes,
        test_tensor=v0_5.FileDescr(source=path),
        data=v0_5.IntervalOrRatioDataDescr(type="float32"),
        postprocessing=[v0_5.ScaleLinearDescr(kwargs=linear)],
    )


def _summary(estimator):
    """The first line of the documentation of the class, which names the paper."""
    return (inspect.getdoc(type(estimator)) or "").partition("\n")[0]


def _readme(estimator, network, multiple):
    radius = receptive_radius(network, estimator.n_channels_, estimator.n_dims_, multiple)
    sees = "the whole image" if radius is None else f"{radius} pixels far"
    return (
        f"# {type(estimator).__name__}\n\n{_summary(estimator)}\n\n"
        f"Trained on noisy images alone by selfsupervised {version('selfsupervised')}, in "
        f"{estimator.n_steps_} steps. An output sees {sees}; edges are multiples of {multiple} "
        f"pixels.\n\n## Validation\n\n"
        f"Mean squared error of predicting pixels that were held out of the training, noise "
        f"included: {estimator.held_out_loss_:.6g}, in squared units of the images. Noise that "
        f"neighbouring pixels share, and images of another kind, make it invalid.\n"
    )
