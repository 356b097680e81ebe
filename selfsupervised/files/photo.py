# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Pictures of the everyday formats, by Pillow: PNG, JPEG, WebP and others."""

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image, ImageSequence, JpegImagePlugin, UnidentifiedImageError

from selfsupervised.files.picture import Part, Picture
from selfsupervised.files.segments import jpeg_like, png_depth_and_colour, png_like

# What denoising gains is not lost again: a photograph of quality 92 with halved colours would
# lose 0.9 of 2.1 dB if it were compressed as it was.
FINE_QUALITY = 95
FINE: dict[str, dict[str, Any]] = {
    "AVIF": {"quality": FINE_QUALITY, "subsampling": "4:4:4"},
    "JPEG": {"quality": FINE_QUALITY, "subsampling": "4:4:4"},
    "WEBP": {"quality": FINE_QUALITY},
}
LIKE = {"JPEG": jpeg_like, "PNG": png_like}
WEBP_LOSSLESS = b"VP8L"
EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa")
ORIENTATION = 274  # tag of EXIF
# By format or mode: what is not written back.
LOST = {"MPO": "the further pictures of the file", "P": "its palette, instead of which colours are"}
METADATA = ("icc_profile", "exif", "xmp", "dpi")
# Pillow reads more than 8 bits a colour of these as 8 bits.
DEEP_DECODERS: dict[str, Any] = {
    "AVIF": imagecodecs.avif_decode,
    "JPEG2000": imagecodecs.jpeg2k_decode,
}


def read_photo(path):
    """Read a picture of a format that Pillow knows.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Picture
        `stored` is the content of the file, for PNG, JPEG and WebP.

    Raises
    ------
    ValueError
        If it is no picture, or one that cannot be read whole.
    """
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            part, kind, mode = _part(image, content, path), str(image.format), image.mode
            metadata = _metadata(image)
    except UnidentifiedImageError as error:
        raise ValueError(
            f"Expected a picture at {path}, could not read it: neither TIFF nor any format that "
            f"Pillow knows."
        ) from error
    except (OSError, SyntaxError, struct.error) as error:
        raise ValueError(f"Expected a picture at {path}, could not read it: {error}") from error
    lost = tuple(what for have, what in LOST.items() if have in (kind, mode))
    kind = {"MPO": "JPEG"}.get(kind, kind)
    colours = mode if mode in ("CMYK", "LAB", "YCbCr") else ""
    return Picture(path, (part,), kind, metadata, colours, content, lost)


def _metadata(image):
    found = {name: image.info[name] for name in METADATA if image.info.get(name)}
    orientation = image.getexif().get(ORIENTATION)
    return found | ({"orientation": orientation} if orientation else {})


def _part(image, content, path):
    n_frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if n_frames > 1:
        frames = [_samples(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
        return Part.of(np.stack([data for data, _ in frames]), "TYXS")
    if image.format == "PNG":
        depth, several = png_depth_and_colour(content)
        if depth == 16 and several:
            data = imagecodecs.png_decode(content)
            return Part.of(data, "YXS", n_alpha=int(data.shape[-1] in (2, 4)))
        if image.mode == "I":  # what earlier Pillows made of 16 bits
            return Part.of(np.asarray(image).astype(np.uint16), "YX")
    _refuse_deep(image, content, path)
    data, n_alpha = _samples(image)
    return Part.of(data, "YXS"[: data.ndim], n_alpha=n_alpha)


def _refuse_deep(image, content, path):
    """More than 8 bits a colour would come back as 8."""
    deep = False
    if image.format in DEEP_DECODERS and len(image.getbands()) > 1:
        deep = DEEP_DECODERS[image.format](content).dtype != np.uint8
    if image.format == "PPM" and len(image.getbands()) > 1:
        deep = int(content.split(maxsplit=4)[3]) > 255
    if deep:
        raise ValueError(
            f"Expected colours of 8 bits in {path}, got more, which a {image.format} file would "
            f"not get back; convert it to a PNG or TIFF of 16 bits."
        )


def _samples(image):
    """The samples of a Pillow image, and how many of them are transparency."""
    if image.mode in EIGHT_BITS and image.has_transparency_data:
        grey = image.mode in ("1", "L", "LA", "La")
        return np.asarray(image.convert("LA" if grey else "RGBA")), 1
    if image.mode == "P":  # numbers of colours, which mean nothing by themselves
        colours = np.asarray(image.convert("RGB"))
        grey = (colours == colours[..., :1]).all()
        return (colours[..., 0] if grey else colours), 0
    return np.asarray(image), 0


def format_of(path):
    """Pillow's name of the format that a suffix stands for; None if there is none to write."""
    Image.init()
    kind = Image.registered_extensions().get(Path(path).suffix.lower())
    return kind if kind in Image.SAVE and kind in Image.OPEN else None


def encoded(samples, picture, kind):
    """A file of this format, as bytes.

    Parameters
    ----------
    samples : ndarray of shape (height, width) or (height, width, n_samples)
        uint8, uint16, or bool, with transparency.
    picture : Picture
        Where they come from.
    kind : str
        The format, as Pillow names it.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If the format cannot hold them.
    """
    if kind == "GIF":
        raise ValueError(
            "GIF holds 256 colours, too few for what denoising gives; write .png or .tif."
        )
    source = picture.stored if picture.format == kind else None
    if kind == "PNG" and samples.dtype == np.uint16 and samples.ndim == 3:
        return png_like(imagecodecs.png_encode(samples), source or _said_in_png(picture))
    content = _saved(_image(samples, picture, kind), kind, **_options(picture, kind))
    if source and kind in LIKE:
        return LIKE[kind](content, source)
    return content


def _image(samples, picture, kind):
    """A Pillow image of these samples."""
    n_samples = samples.shape[2] if samples.ndim == 3 else 1
    deep = samples.dtype == np.uint16 and n_samples > 1
    if samples.dtype not in (np.uint8, np.uint16, bool) or n_samples > 4 or deep:
        raise ValueError(
            f"{kind} cannot hold {n_samples} channel(s) of {samples.dtype}; write a .tif."
        )
    if picture.colours:
        size = samples.shape[1], samples.shape[0]
        return Image.frombytes(picture.colours, size, samples.tobytes())
    return Image.fromarray(samples)


def _saved(image, kind, **options):
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except (OSError, ValueError) as error:
        what = {"1": "single bits", "I;16": "16 bits", "LA": "transparency", "RGBA": "transparency"}
        raise ValueError(
            f"{kind} cannot hold {what.get(image.mode, image.mode)} ({error}); write .png or .tif."
        ) from error
    return buffer.getvalue()


def _options(picture, kind):
    """How to compress, and what to say of the picture where the source's own bytes do not."""
    source = picture.stored if picture.format == kind else None
    options = dict(FINE.get(kind, {}))
    if source and kind == "JPEG":
        with JpegImagePlugin.JpegImageFile(io.BytesIO(source)) as image:
            options["qtables"] = _finer(image.quantization)
            options["progressive"] = "progressive" in image.info
        del options["quality"]
    if source and kind == "WEBP" and WEBP_LOSSLESS in source[:64]:
        options = {"lossless": True, "exact": True}
    return options if source and kind in LIKE else options | _said(picture)


def _finer(tables):
    """The steps of a JPEG, none of them larger than in one of fine quality."""
    fine = io.BytesIO()
    Image.new("RGB", (1, 1)).save(fine, "JPEG", **FINE["JPEG"])
    fine.seek(0)
    steps = JpegImagePlugin.JpegImageFile(fine).quantization
    return [np.minimum(tables[n], steps[min(n, 1)]).tolist() for n in sorted(tables)]


def _said(picture):
    """What Pillow writes beside the pixels, by the names of its options."""
    said = dict(picture.metadata)
    orientation = said.pop("orientation", None)
    if orientation and "exif" not in said:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        said["exif"] = exif.tobytes()
    return said


def _said_in_png(picture):
    """A PNG of one pixel that says of its picture what Pillow can."""
    return _saved(Image.new("L", (1, 1)), "PNG", **_said(picture))
