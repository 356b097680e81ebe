# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a file of pictures holds: arrays with named axes, and what travels with them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Part:
    """One array of a file, as it is to be denoised.

    Parameters
    ----------
    data : ndarray
        Shape, dtype and range are those of the file; without transparency.
    axes : str
        A letter for each axis: Y, X, Z in space, T for time, C for channels that are measured
        apart, S for the samples of a colour, other letters for anything else.
    alpha : ndarray, default=None
        Transparency, which is no measurement: the last of the samples.
    alpha_axis : int, default=None
        Along which axis of what is stored.
    missing : ndarray of bool, default=None
        Where `data` holds what the file says was not measured.
    """

    data: Any
    axes: str
    alpha: Any = None
    alpha_axis: Any = None
    missing: Any = None

    @classmethod
    def of(cls, data, axes, *, n_alpha=0, nodata=None):
        """A part of stored samples, the last `n_alpha` of which are transparency.

        Parameters
        ----------
        data : ndarray
        axes : str
        n_alpha : int, default=0
            How many of the samples, which are along the axis S.
        nodata : float, default=None
            The value that stands for "not measured"; NaN and infinity always do.
        """
        if not n_alpha:
            return cls(data, axes, missing=_or_none(_no_values(data, nodata)))
        axis = axes.index("S")
        data, alpha = np.split(data, [-n_alpha], axis=axis)
        missing = _no_values(data, nodata)
        missing |= (alpha == 0).all(axis=axis, keepdims=True)  # arbitrary colours, never seen
        if data.shape[axis] == 1:
            data, missing, axes = data.squeeze(axis), missing.squeeze(axis), axes.replace("S", "")
        return cls(data, axes, alpha, axis, _or_none(missing))

    @property
    def measured(self):
        """The data, masked where nothing was measured."""
        return self.data if self.missing is None else np.ma.array(self.data, mask=self.missing)

    def restored(self, denoised, *, fill_missing=False):
        """Samples to store for a denoised array: what was not measured, and alpha, as they were.

        Parameters
        ----------
        denoised : ndarray
            Of the shape and dtype of `data`.
        fill_missing : bool, default=False
            Whether estimates stay where nothing was measured.
        """
        if self.missing is not None and not fill_missing:
            denoised = np.where(self.missing, self.data, denoised)
        if self.alpha is None:
            return denoised
        if denoised.ndim < self.alpha.ndim:
            denoised = np.expand_dims(denoised, self.alpha_axis)
        return np.concatenate([denoised, self.alpha], axis=self.alpha_axis)

    def describe(self):
        """Axes, sizes and dtype in words."""
        sizes = " × ".join(
            f"{axis} {size}" for axis, size in zip(self.axes, self.data.shape, strict=True)
        )
        return f"{sizes}, {self.data.dtype}"


def _no_values(data, nodata):
    """Where nothing was measured, by the file's own word."""
    missing = ~np.isfinite(data) if data.dtype.kind == "f" else np.zeros(data.shape, bool)
    return missing if nodata is None else missing | (data == nodata)


def _or_none(missing):
    """None where all was measured, or nothing."""
    return missing if missing.any() and not missing.all() else None


@dataclass(frozen=True, eq=False)
class Picture:
    """A file of pictures.

    Parameters
    ----------
    path : Path or None
        Where it was read from.
    parts : tuple of Part
        What is to be denoised; more than one where a file holds pictures of several sizes.
    format : str
        "TIFF", or as Pillow names it: "PNG", "JPEG" and so on.
    metadata : dict, default={}
        What other formats can hold too: "icc_profile" (bytes), "exif" (bytes), "xmp" (bytes),
        "dpi" (pair of float), "orientation" (int).
    colours : str, default=""
        What samples are where they are neither grey nor red, green and blue: "CMYK", "LAB".
    stored : object, default=None
        Whatever the format's own writer needs beside, to write the file as it was.
    lost : tuple of str, default=()
        What cannot be written back.
    """

    path: Path | None
    parts: tuple
    format: str
    metadata: dict = field(default_factory=dict)
    colours: str = ""
    stored: Any = None
    lost: tuple = ()

    @classmethod
    def of_array(cls, path, data, axes):
        """A picture that was made from a file, or from none."""
        return cls(path, (Part.of(data, axes),), "")
