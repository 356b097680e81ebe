# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A series of volumes, such as the directions of diffusion MRI, as a table and back."""

from typing import Any

import numpy as np
from sklearn.base import clone

from selfsupervised.core.measurement import Measurement
from selfsupervised.core.sklearn_compat import plain_inside
from selfsupervised.core.types import Array, Estimator
from selfsupervised.counts.linear_regression import LinearRegressionDenoiser


def denoise_volumes(
    volumes: Any, denoiser: Estimator = None, *, mask: Any = None, groups: Any = None
) -> Array:
    """Denoise a series of volumes, each from the others at the same place.

    Voxels become the rows of a table and the volumes its columns. Of diffusion MRI the volumes
    without diffusion weighting, and each shell, see other things at other strengths: name them by
    `groups`, and each group is denoised by itself.

    Parameters
    ----------
    volumes : array-like of shape (*spatial, n_volumes)
        The series, with the volumes along the last axis; two or three spatial axes.
    denoiser : estimator, default=None
        A denoiser of tables; `LinearRegressionDenoiser` by default.
    mask : array-like of bool of shape (*spatial,), default=None
        The voxels to denoise; others stay as they are. By default all those that are not zero in
        every volume, as outside of what was scanned.
    groups : array-like of shape (n_volumes,), default=None
        A label for each volume. A group of a single volume stays as it is.

    Returns
    -------
    ndarray of shape (*spatial, n_volumes)
        In the units of `volumes`; the same float dtype, float64 for integers.

    Raises
    ------
    ValueError
        If an argument has another shape, or there is no voxel to denoise.

    See Also
    --------
    LinearRegressionDenoiser : What is done with the table.

    References
    ----------
    Fadnavis, Batson & Garyfallidis, "Patch2Self: Denoising Diffusion MRI with Self-Supervised
    Learning", NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import denoise_volumes
    >>> rng = np.random.default_rng(0)
    >>> clean = rng.normal(size=(12, 12, 6, 3)) @ rng.normal(size=(3, 30))
    >>> noisy = clean + rng.normal(size=clean.shape)
    >>> bool(np.mean((denoise_volumes(noisy) - clean) ** 2) < 0.2)
    True
    """
    measured = Measurement.of_array(volumes, caller="denoise_volumes")
    series = measured.data
    if series.ndim not in (3, 4):
        raise ValueError(
            f"denoise_volumes expected volumes along the last of 3 or 4 axes, got shape "
            f"{series.shape}; move the axis of the volumes with np.moveaxis."
        )
    inside = (series != 0).any(axis=-1) if mask is None else np.asarray(mask)
    if inside.dtype != bool or inside.shape != series.shape[:-1]:
        raise ValueError(
            f"denoise_volumes expected mask to be booleans of shape {series.shape[:-1]}, got "
            f"dtype {inside.dtype} and shape {inside.shape}; leave out the axis of the volumes."
        )
    if not inside.any():
        raise ValueError("denoise_volumes got no voxel to denoise: mask is False everywhere.")
    n_volumes = series.shape[-1]
    groups = np.zeros(n_volumes) if groups is None else np.asarray(groups)
    if groups.shape != (n_volumes,):
        raise ValueError(
            f"denoise_volumes expected groups to hold a label for each of {n_volumes} volumes, "
            f"got shape {groups.shape}."
        )
    denoiser = LinearRegressionDenoiser() if denoiser is None else denoiser
    table, out = series[inside], series.copy()
    denoised = table.copy()
    for label in np.unique(groups):
        columns = np.flatnonzero(groups == label)
        if columns.size > 1:
            denoised[:, columns] = _denoised(denoiser, table[:, columns])
    out[inside] = denoised
    return measured.give_back(out)


@plain_inside
def _denoised(denoiser, table):
    return clone(denoiser).fit_transform(table)
