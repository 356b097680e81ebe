# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures in files: read with their channels, written whole or not at all."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import tifffile

from selfsupervised.core.files import replacing

TIFF_SUFFIXES = (".tif", ".tiff")


def read_image(path):
    """Read a picture and say which of its axes holds channels.

    Parameters
    ----------
    path : str or Path
        A TIFF file, or any other that imageio reads.

    Returns
    -------
    image : ndarray
        As stored: shape, dtype and range are those of the file.
    channel_axis : int or None
        For TIFF what its axes say ("S" or "C"), otherwise the last of three.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no picture.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"Expected a picture at {path}, found no such file.")
    try:
        if path.suffix.lower() in TIFF_SUFFIXES:
            with tifffile.TiffFile(path) as file:
                series = file.series[0]
                image, axes = series.asarray(), series.axes
            channels = [axis for axis, kind in enumerate(axes) if kind in "SC"]
            return image, channels[0] if channels else None
        image = iio.imread(path.read_bytes())  # closed even where it is no picture
    except Exception as error:
        raise ValueError(f"Expected a picture at {path}, could not read it: {error}") from error
    return image, 2 if image.ndim == 3 else None


def write_image(path, image):
    """Write a picture beside its place, then rename it: a reader never sees half a file.

    Parameters
    ----------
    path : str or Path
        Where; its suffix names the format. TIFF keeps any dtype, PNG takes uint8 and uint16.
    image : ndarray

    Raises
    ------
    ValueError
        If the format cannot hold the dtype of `image`.
    """
    path = Path(path)
    tiff = path.suffix.lower() in TIFF_SUFFIXES
    if not tiff and image.dtype not in (np.uint8, np.uint16):
        raise ValueError(
            f"{path.suffix or 'This'} files hold uint8 or uint16, got {image.dtype}; write a .tif."
        )
    with replacing(path) as beside:
        if tiff:
            tifffile.imwrite(beside, image)
        else:
            iio.imwrite(beside, image)
