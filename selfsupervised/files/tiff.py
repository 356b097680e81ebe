# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""TIFF files: read with their axes, written back page by page with the tags of each page.

What the tags say, in whoever's dialect (ImageJ, OME, GeoTIFF), is copied as it stands.
"""

from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from selfsupervised.core.files import replacing
from selfsupervised.files.picture import Part, Picture
from selfsupervised.files.tiff_pages import CAMERA_RAW, EXIF_POINTERS, colours_of, n_alpha, page_as

SUFFIXES = (".tif", ".tiff")
BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
COLOURS = {5: "CMYK", 8: "LAB"}  # of PhotometricInterpretation
FAX, MIN_IS_WHITE = (2, 3, 4), 0  # of Compression, and of PhotometricInterpretation
ICC, XMP, ORIENTATION = 34675, 700, 274
PER_INCH = {2: 1.0, 3: 2.54}  # of ResolutionUnit: inch, centimetre
MAX_CLASSIC_BYTES = 2**32 - 2**25  # what 32-bit places reach, and some for the tags


class Stored(NamedTuple):
    """What a TIFF file needs to be written as it was.

    Parameters
    ----------
    byteorder : str
        "<" or ">", which the copied tags have.
    bigtiff : bool
    contiguous : bool
        Whether readers take all planes from the place of the first, as ImageJ does.
    pages : list of (int, int, PageAs)
        The part and its plane that each page holds, and how it is stored.
    """

    byteorder: str
    bigtiff: bool
    contiguous: bool
    pages: list


def is_tiff(path):
    """Whether a file begins as TIFF files do."""
    with open(path, "rb") as file:
        return file.read(4) in BEGINNINGS


def read_tiff(path):
    """Read all pictures of a TIFF file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Picture
        A part for each series of pages that belong together.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    try:
        with tifffile.TiffFile(path) as file:
            if not any(series.is_multifile for series in file.series):
                return _picture(path, file)
        # One file of a set: its pages are those of this file alone.
        with tifffile.TiffFile(path, is_ome=False) as file:
            return _picture(path, file)
    except Exception as error:  # tifffile raises whatever a damaged file leads to
        raise ValueError(f"Expected a picture at {path}, could not read it: {error}") from error


def _picture(path, file):
    parts: list[Part] = []
    pages: list = []
    lost: list[str] = []
    for series in file.series:
        first = series.keyframe
        if int(first.photometric) in CAMERA_RAW:
            raise ValueError("it is a camera's raw file; develop it, or use BayerPacker in Python.")
        if first.is_reduced or len(series.levels) > 1:
            lost.append("its smaller copies")
        if first.is_reduced:
            continue
        data, axes, colours = _values(series, file), series.axes, colours_of(first)
        whole = len(series.pages) * int(np.prod(first.shape)) == data.size
        planes = list(series.pages) if whole else [first]
        pages += [(len(parts), n, page) for n, page in enumerate(planes) if page is not None]
        if colours is not None:
            lost.append("its palette, instead of which colours are")
            data, axes = colours[data], axes + "S"
        parts.append(Part.of(data, axes, n_alpha=n_alpha(first), nodata=_nodata(first)))
    pages.sort(key=lambda found: found[2].index)
    found = [(part, plane, page.aspage()) for part, plane, page in pages]
    first = found[0][2]
    if any(code in first.tags for code in EXIF_POINTERS):
        lost.append("its EXIF block")
    stored = Stored(
        file.byteorder,
        file.is_bigtiff,
        bool(file.is_imagej),
        [(part, plane, page_as(page, file)) for part, plane, page in found],
    )
    inks = COLOURS.get(int(first.photometric), "")
    what = tuple(dict.fromkeys(lost))
    return Picture(path, tuple(parts), "TIFF", _metadata(first), inks, stored, what)


def _values(series, file):
    """The samples of a series."""
    if int(series.keyframe.compression) not in FAX:
        return series.asarray()
    planes = []  # by Pillow, as not every imagecodecs knows these compressions
    with Image.open(file.filehandle.path) as image:
        for page in series.pages:
            image.seek(page.index)
            white = np.asarray(image)
            planes.append(~white if int(page.aspage().photometric) == MIN_IS_WHITE else white)
    return np.stack(planes).reshape(series.shape)


def _nodata(page):
    """The value that GDAL's tag names, if any does."""
    return page.nodata if 42113 in page.tags else None


def _metadata(page):
    """What other formats can hold too."""
    found: dict[str, Any] = {}
    if ICC in page.tags:
        found["icc_profile"] = bytes(page.tags[ICC].value)
    if XMP in page.tags:
        found["xmp"] = bytes(page.tags[XMP].value)
    if ORIENTATION in page.tags:
        found["orientation"] = int(page.tags[ORIENTATION].value)
    unit = PER_INCH.get(int(page.resolutionunit))
    if unit and all(page.resolution):
        found["dpi"] = tuple(unit * float(resolution) for resolution in page.resolution)
    return found


def write_tiff(path, picture, samples):
    """Write the pictures of a file to a TIFF file.

    Parameters
    ----------
    path : Path
    picture : Picture
        Where they come from; if from a TIFF file, its tags are copied.
    samples : list of ndarray
        For each part what is to be stored, transparency included.
    """
    with replacing(path, like=picture.path) as beside:
        if picture.format == "TIFF":
            _write_like(beside, picture.stored, samples)
        else:
            _write_new(beside, picture, samples)


def _write_like(path, stored, samples):
    big = stored.bigtiff or sum(array.nbytes for array in samples) > MAX_CLASSIC_BYTES
    with tifffile.TiffWriter(path, bigtiff=big, byteorder=stored.byteorder) as file:
        done = set()
        for part, plane, page in stored.pages:
            planes = samples[part].reshape(-1, *page.shape)
            several = len(planes) > sum(number == part for number, *_ in stored.pages)
            if stored.contiguous or several:
                if part not in done:
                    file.write(planes, extratags=page.tags, **page.options)
                done.add(part)
            else:
                file.write(planes[plane], extratags=page.tags, **page.options)


def _write_new(path, picture, samples):
    """Without a TIFF to be like: axes, colours, profile and resolution are said anew."""
    metadata = picture.metadata
    options: dict[str, Any] = {"iccprofile": metadata.get("icc_profile"), "software": False}
    if "dpi" in metadata:
        options |= {"resolution": metadata["dpi"], "resolutionunit": "INCH"}
    if "orientation" in metadata:
        options["extratags"] = [(ORIENTATION, "H", 1, metadata["orientation"], True)]
    with tifffile.TiffWriter(path) as file:
        for part, array in zip(picture.parts, samples, strict=True):
            photometric = "minisblack"
            if "S" in part.axes:
                photometric = "separated" if picture.colours == "CMYK" else "rgb"
            axes = part.axes
            if part.alpha is not None:
                options["extrasamples"] = ["unassalpha"]
                axes = axes.replace("S", "") + "S"
            file.write(array, photometric=photometric, metadata={"axes": axes}, **options)
