# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What stands in PNG and JPEG files beside the pixels, taken from one and put into another.

Pillow writes a part of it only, and no PNG of 16 bits a colour at all.
"""

import struct

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# These say something of the picture, and nothing of how its pixels are stored.
PNG_KEPT = {b"cHRM", b"cICP", b"eXIf", b"gAMA", b"iCCP", b"iTXt", b"pHYs", b"sRGB", b"tEXt",
            b"tIME", b"zTXt"}  # fmt: skip
JPEG_START, JPEG_SCAN, JPEG_COMMENT = b"\xff\xd8", 0xDA, 0xFE
JPEG_APPLICATION = range(0xE0, 0xF0)
JPEG_ADOBE = 0xEE  # belongs to the encoding of the colours
MULTI_PICTURE = b"MPF\0"  # places of other pictures in the same file


def png_chunks(content):
    """Chunks of a PNG file as pairs of their type and their bytes."""
    at = len(PNG_SIGNATURE)
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        yield content[at + 4 : at + 8], content[at : at + 12 + length]
        at += 12 + length


def png_depth_and_colour(content):
    """Bits a sample, and whether there is more than one sample a pixel."""
    depth, colour = content[24], content[25]
    return depth, colour in (2, 4, 6)


def png_like(content, source):
    """A PNG file with what `source` says of its picture, instead of what it says itself.

    Parameters
    ----------
    content, source : bytes
        Two PNG files.

    Returns
    -------
    bytes
    """
    own = [(kind, chunk) for kind, chunk in png_chunks(content) if kind not in PNG_KEPT]
    taken = [chunk for kind, chunk in png_chunks(source) if kind in PNG_KEPT]
    header, rest = own[0][1], (chunk for _, chunk in own[1:])
    return b"".join([PNG_SIGNATURE, header, *taken, *rest])


def jpeg_segments(content):
    """Segments before the pixels of a JPEG file as pairs of their marker and their bytes.

    The last pair is that of the scan and all that follows.
    """
    at = len(JPEG_START)
    while at < len(content):
        marker = content[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker == JPEG_SCAN:
            yield marker, content[at:]
            return
        (length,) = struct.unpack(">H", content[at + 2 : at + 4])
        yield marker, content[at : at + 2 + length]
        at += 2 + length


def jpeg_like(content, source):
    """A JPEG file with what `source` says of its picture, instead of what it says itself."""
    own = [segment for marker, segment in jpeg_segments(content) if not _says(marker, segment)]
    taken = [segment for marker, segment in jpeg_segments(source) if _says(marker, segment)]
    return b"".join([JPEG_START, *taken, *own])


def _says(marker, segment):
    if marker == JPEG_COMMENT:
        return True
    kept = marker in JPEG_APPLICATION and marker != JPEG_ADOBE
    return kept and not segment[4:].startswith(MULTI_PICTURE)
