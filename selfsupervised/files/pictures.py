# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures in files: read with all that travels with them, written whole or not at all."""

from pathlib import Path

import numpy as np

from selfsupervised.core.files import replacing
from selfsupervised.files.photo import encoded, format_of, read_photo
from selfsupervised.files.picture import Picture
from selfsupervised.files.tiff import SUFFIXES, is_tiff, read_tiff, write_tiff

BLANK_EDGE_PIXELS = 8


def read_picture(path):
    """Read a file of pictures, and all that is to be written back.

    Parameters
    ----------
    path : str or Path
        TIFF (ImageJ's, OME's, GeoTIFF), or what Pillow reads; by what is in it, not its name.

    Returns
    -------
    Picture

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
    return read_tiff(path) if is_tiff(path) else read_photo(path)


def check_can_hold(path, picture):
    """Raise, before any work, if a file of this name cannot hold what is in a picture.

    Parameters
    ----------
    path : str or Path
        Where a result is to be written.
    picture : Picture
        As it was read.

    Raises
    ------
    ValueError
        If there is no such format, or it cannot hold the dtype, the channels or so many pictures.
    """
    if is_for_tiff(path):
        return
    kind = _format_for(path)
    (part,) = _one(picture, kind)
    edges = [BLANK_EDGE_PIXELS] * 2
    encoded(np.zeros([*edges, *_samples(part).shape[2:]], part.data.dtype), picture, kind)


def write_picture(path, picture, denoised, *, fill_missing=False):
    """Write denoised arrays as the file that they come from, or another, was written.

    The file is written beside its place and renamed: a reader never sees half of it.

    Parameters
    ----------
    path : str or Path
        Where; its suffix names the format.
    picture : Picture
        What `denoised` was made from.
    denoised : list of ndarray
        One for each part, of its shape and dtype.
    fill_missing : bool, default=False
        Whether estimates are written where nothing was measured, instead of what stood there.

    Raises
    ------
    ValueError
        If the format cannot hold them.
    """
    path = Path(path)
    samples = [
        part.restored(array, fill_missing=fill_missing)
        for part, array in zip(picture.parts, denoised, strict=True)
    ]
    if is_for_tiff(path):
        write_tiff(path, picture, samples)
        return
    kind = _format_for(path)
    _one(picture, kind)
    content = encoded(samples[0], picture, kind)
    with replacing(path, like=picture.path) as beside:
        beside.write_bytes(content)


def write_array(path, image, *, like=None):
    """Write an array that comes from no file as a picture.

    Parameters
    ----------
    path : str or Path
    image : ndarray of shape (*spatial) or (height, width, 3)
    like : Path, default=None
        A file whose permissions it is to have at most.
    """
    picture = Picture.of_array(
        like, image, "YXS" if image.shape[2:] == (3,) else "TZYX"[-image.ndim :]
    )
    check_can_hold(path, picture)
    write_picture(path, picture, [image])


def is_for_tiff(path):
    """Whether a name is that of a TIFF file."""
    return Path(path).suffix.lower() in SUFFIXES


def is_picture_name(path):
    """Whether a name is that of a picture, by its suffix."""
    return is_for_tiff(path) or format_of(path) is not None


def _format_for(path):
    kind = format_of(path)
    if kind is None:
        raise ValueError(
            f"Expected the name of a picture that can be written, such as .tif, .png or .jpg, got "
            f"{Path(path).name}."
        )
    return kind


def _one(picture, kind):
    """The only part of a picture, if it is one picture in two dimensions."""
    if len(picture.parts) == 1 and picture.parts[0].axes in ("YX", "YXS"):
        return picture.parts
    what = "; ".join(part.describe() for part in picture.parts)
    raise ValueError(f"{kind} holds one picture in two dimensions, got {what}; write a .tif.")


def _samples(part):
    return part.restored(part.data)
