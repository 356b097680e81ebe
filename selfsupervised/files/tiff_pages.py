# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One page of a TIFF file: how it is stored, and what its tags say."""

from typing import NamedTuple

import numpy as np

# Of PhotometricInterpretation.
RGB, PALETTE, YCBCR, CAMERA_RAW = 2, 3, 6, (32803, 34892)
TRANSPARENCY = (1, 2)  # of ExtraSamples: associated and unassociated alpha
# Compressions that lose nothing are kept, others become deflate.
UNCOMPRESSED, DEFLATE = 1, "adobe_deflate"
LOSSLESS = {5: "lzw", 8: DEFLATE, 32773: "packbits", 32946: DEFLATE, 34925: "lzma", 50000: "zstd"}
PREDICTED = ("lzw", DEFLATE, "zstd")  # those that a predictor goes with
# Tags that say how pixels are stored, that point to places, or that `TiffWriter` has names for.
NOT_COPIED = {
    *range(254, 260), *range(262, 267), 270, 273, *range(277, 285), 288, 289, 290, 291, 292, 293,
    296, 305, 306, 317, *range(320, 331), *range(338, 342), 347, *range(512, 522), *range(529, 533),
    34665, 34853, 40965, 32997, 32998,
}  # fmt: skip
EXIF_POINTERS = (34665, 34853)
SUBFILE_TYPE = 254
SOFTWARE, DATE_TIME, X_RESOLUTION, Y_RESOLUTION, COLOUR_MAP = 305, 306, 282, 283, 320


class PageAs(NamedTuple):
    """How a page is stored.

    Parameters
    ----------
    shape : tuple of int
        Of its samples.
    options : dict
        Of `tifffile.TiffWriter.write`.
    tags : list of tuple
        Further tags, with their bytes as they are.
    """

    shape: tuple
    options: dict
    tags: list


def n_alpha(page):
    """How many of the last samples of a page are transparency."""
    extra = [int(kind) for kind in page.extrasamples]
    return len(extra) if extra and set(extra) <= set(TRANSPARENCY) else 0


def colours_of(page):
    """The colour of each number, uint8 of shape (n, 3), of a page of colour numbers; else None.

    A map whose colours only rise, or only fall, shows values in false colours: these are kept.
    """
    if int(page.photometric) != PALETTE or page.colormap is None or page.parent.is_imagej:
        return None
    steps = np.diff(page.colormap.astype(int), axis=1)
    if (steps >= 0).all() or (steps <= 0).all():
        return None
    return (page.colormap.T >> 8).astype(np.uint8)


def page_as(page, file):
    """How a page is stored.

    Parameters
    ----------
    page : tifffile.TiffPage
    file : tifffile.TiffFile

    Returns
    -------
    PageAs
    """
    colours, photometric, shape = colours_of(page), int(page.photometric), page.shape
    options = {
        "photometric": RGB if photometric == YCBCR or colours is not None else photometric,
        "description": _bytes_of(page, 270, file),
        "software": _text(page, SOFTWARE) or False,
        "datetime": _text(page, DATE_TIME) or None,
        "subfiletype": int(page.subfiletype) if SUBFILE_TYPE in page.tags else None,
        "metadata": None,
    }
    if colours is not None:
        shape = (*shape, 3)
    elif page.samplesperpixel > 1:
        options["planarconfig"] = int(page.planarconfig)
        options["extrasamples"] = [int(kind) for kind in page.extrasamples]
    elif page.colormap is not None:
        options["colormap"] = page.colormap
    if X_RESOLUTION in page.tags and Y_RESOLUTION in page.tags:
        pair = page.tags[X_RESOLUTION].value, page.tags[Y_RESOLUTION].value
        options |= {"resolution": pair, "resolutionunit": int(page.resolutionunit)}
    if page.is_tiled and all(edge % 16 == 0 for edge in page.tile):
        options["tile"] = page.tile
    options |= _compression(page, colours)
    return PageAs(shape, options, _tags(page, file))


def _compression(page, colours):
    if int(page.compression) == UNCOMPRESSED:
        return {}
    compression = LOSSLESS.get(int(page.compression), DEFLATE)
    predicted = int(page.predictor) > 1 and compression in PREDICTED and colours is None
    return {"compression": compression, "predictor": int(page.predictor) if predicted else None}


def _text(page, code):
    tag = page.tags.get(code)
    return str(tag.value).strip() if tag is not None else ""


def _bytes_of(page, code, file):
    """The bytes of a tag as they stand in the file; None if there is no such tag."""
    tag = page.tags.get(code)
    if tag is None:
        return None
    file.filehandle.seek(tag.valueoffset)
    content = file.filehandle.read(tag.valuebytecount)
    return content.rstrip(b"\0") if code == 270 else content


def _tags(page, file):
    return [
        (tag.code, int(tag.dtype), tag.count, _bytes_of(page, tag.code, file), True)
        for tag in page.tags
        if tag.code not in NOT_COPIED
    ]
