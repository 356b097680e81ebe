# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files written by Pillow come back as they were but for the noise."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin

from cases import smooth_image
from selfsupervised.files.pictures import check_can_hold, read_picture, write_picture
from selfsupervised.files.segments import jpeg_segments

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = np.clip(255 * smooth_image((40, 48)), 0, 255).astype(np.uint8)
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)
ALPHA = np.where(np.arange(48) < 5, 0, np.where(np.arange(48) < 20, 77, 255)).astype(np.uint8)
ALPHA = np.broadcast_to(ALPHA, GREY.shape)


def lain(orientation=6):
    exif = Image.Exif()
    exif[274] = orientation
    exif[271] = "maker"
    return exif.tobytes()


def opened(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def round_trip(path, change=None, to=None):
    """Read a file, change its values, write it, and open the result."""
    picture = read_picture(path)
    to = to or path.with_name(f"out{path.suffix}")
    check_can_hold(to, picture)
    data = [part.data for part in picture.parts]
    write_picture(to, picture, data if change is None else [change(d) for d in data])
    return opened(to)


def darker(data):
    return (data // 2).astype(data.dtype)


SAVED = {
    "JPEG": ("jpg", {"quality": 88, "subsampling": "4:2:2", "dpi": (300, 300)}),
    "PNG": ("png", {"dpi": (300, 300)}),
    "WEBP": ("webp", {"quality": 80}),
    "TIFF": ("tif", {"dpi": (300, 300), "compression": "tiff_lzw"}),
}


@pytest.mark.parametrize("kind", [*SAVED])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_what_a_picture_says_of_itself_comes_back(tmp_path, kind, mode):
    suffix, options = SAVED[kind]
    path = tmp_path / f"in.{suffix}"
    Image.fromarray(GREY if mode == "L" else RGB).save(
        path, icc_profile=ICC, exif=lain(), **options
    )
    before, after = opened(path), round_trip(path, darker)
    assert (after.mode, after.size, after.format) == (before.mode, before.size, kind)
    assert after.info["icc_profile"] == ICC
    assert after.getexif()[274] == 6
    assert after.getexif()[271] == "maker"
    assert after.info.get("dpi") == before.info.get("dpi")
    assert np.abs(np.asarray(after).mean() - np.asarray(before).mean() / 2) < 2


@pytest.mark.parametrize("quality", [75, 98])
def test_a_jpeg_is_no_coarser_than_it_was_and_keeps_captions(tmp_path, quality):
    path = tmp_path / "in.jpg"
    Image.fromarray(RGB).save(path, quality=quality, comment="mine", exif=lain())
    content = path.read_bytes()
    caption = b"\xff\xed" + (2 + 21).to_bytes(2, "big") + b"Photoshop 3.0\0" + b"caption"
    path.write_bytes(content[:2] + caption + content[2:])
    after = round_trip(path, darker)
    before, fine = opened(path).quantization, io.BytesIO()
    Image.fromarray(RGB).save(fine, "JPEG", quality=95)
    expected = before if quality > 95 else Image.open(fine).quantization
    assert after.quantization == expected
    assert JpegImagePlugin.get_sampling(after) == 0
    assert after.info["comment"] == b"mine"
    segments = b"".join(
        segment for _, segment in jpeg_segments((tmp_path / "out.jpg").read_bytes())
    )
    assert caption in segments


def test_the_first_of_a_phone_s_pictures(tmp_path):
    first, second = Image.fromarray(RGB), Image.fromarray(255 - RGB)
    first.save(tmp_path / "in.jpg", "MPO", save_all=True, append_images=[second], exif=lain())
    assert read_picture(tmp_path / "in.jpg").lost == ("the further pictures of the file",)
    after = round_trip(tmp_path / "in.jpg")
    assert after.format == "JPEG"
    assert after.getexif()[274] == 6
    assert b"MPF\0" not in (tmp_path / "out.jpg").read_bytes()


def test_little_is_lost_in_a_fine_jpeg_and_in_a_new_one(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "in.png")
    Image.fromarray(RGB).save(tmp_path / "fine.jpg", quality=95, subsampling=0)

    def lost(after, given):
        return np.sqrt(np.mean((np.asarray(after).astype(float) - given) ** 2))

    for path in (tmp_path / "in.png", tmp_path / "fine.jpg"):
        given = read_picture(path).parts[0].data
        assert lost(round_trip(path, to=tmp_path / "out.jpg"), given) < 2.5
    coarse = io.BytesIO()  # as it was: quality 75, colours halved
    Image.fromarray(RGB).save(coarse, "JPEG")
    assert lost(Image.open(coarse), RGB) > 3


def test_cmyk_is_no_negative(tmp_path):
    inks = np.concatenate([RGB, GREY[..., None]], axis=-1)
    path = tmp_path / "in.jpg"
    Image.frombytes("CMYK", (48, 40), inks.tobytes()).save(path, quality=95)
    before, after = opened(path), round_trip(path)
    assert after.mode == "CMYK"
    assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).mean() < 2
    with pytest.raises(ValueError, match="PNG cannot hold CMYK"):
        check_can_hold(tmp_path / "out.png", read_picture(path))


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_stays_and_is_not_denoised(tmp_path, suffix, mode):
    if (suffix, mode) == ("webp", "LA"):
        pytest.skip("WebP has no grey")
    colours = GREY[..., None] if mode == "LA" else RGB
    stored = np.concatenate([colours, ALPHA[..., None]], axis=-1)
    path = tmp_path / f"in.{suffix}"
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(stored).save(path, **options)
    (part,) = read_picture(path).parts
    assert part.data.shape == (GREY.shape if mode == "LA" else RGB.shape)
    assert part.missing[:, :5].all() and not part.missing[:, 5:].any()
    after = np.asarray(round_trip(path, darker))
    np.testing.assert_array_equal(after[..., -1], ALPHA)
    np.testing.assert_array_equal(after[:, 5:, :-1], stored[:, 5:, :-1] // 2)
    np.testing.assert_array_equal(after[:, :5, :-1], stored[:, :5, :-1])  # as it was


def test_a_transparent_colour_becomes_transparency(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "in.png", transparency=int(GREY[0, 0]))
    after = round_trip(tmp_path / "in.png", darker)
    assert after.mode == "LA"
    np.testing.assert_array_equal(np.asarray(after)[..., 1] == 0, GREY[0, 0] == GREY)


@pytest.mark.parametrize("n_samples", [1, 2, 3, 4])
def test_png_of_16_bits(tmp_path, n_samples):
    deep = (GREY.astype(np.uint16) * 256 + 17)[..., None].repeat(n_samples, axis=-1)
    deep = deep[..., 0] if n_samples == 1 else deep
    path = tmp_path / "in.png"
    path.write_bytes(imagecodecs.png_encode(deep))
    round_trip(path, darker)
    out = imagecodecs.png_decode((tmp_path / "out.png").read_bytes())
    assert out.dtype == np.uint16
    n_colours = n_samples - (n_samples in (2, 4))
    expected = deep if n_samples == 1 else deep[..., :n_colours]
    np.testing.assert_array_equal(out if n_samples == 1 else out[..., :n_colours], expected // 2)


def test_what_a_png_of_16_bits_says_comes_back(tmp_path):
    deep = RGB.astype(np.uint16) * 257
    said = io.BytesIO()
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "somebody")
    text.add(b"gAMA", (45455).to_bytes(4, "big"))
    Image.new("L", (1, 1)).save(
        said, "PNG", icc_profile=ICC, exif=lain(), dpi=(300, 300), pnginfo=text
    )
    from selfsupervised.files.segments import png_like

    path = tmp_path / "in.png"
    path.write_bytes(png_like(imagecodecs.png_encode(deep), said.getvalue()))
    after = round_trip(path)
    assert imagecodecs.png_decode((tmp_path / "out.png").read_bytes()).dtype == np.uint16
    assert after.info["icc_profile"] == ICC
    assert after.info["gamma"] == 0.45455
    assert after.getexif()[274] == 6
    assert after.text == {"Author": "somebody"}
    assert after.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    # To and from TIFF of 16 bits, too.
    round_trip_tiff = tmp_path / "out.tif"
    round_trip(path, to=round_trip_tiff)
    back = round_trip(round_trip_tiff, to=tmp_path / "back.png")
    np.testing.assert_array_equal(
        imagecodecs.png_decode((tmp_path / "back.png").read_bytes()), deep
    )
    assert back.info["icc_profile"] == ICC
    assert back.getexif()[274] == 6
    assert back.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_single_bits(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "in.png")
    after = round_trip(tmp_path / "in.png")
    assert after.mode == "1"
    np.testing.assert_array_equal(np.asarray(after), GREY > 100)


@pytest.mark.parametrize("grey", [True, False])
def test_numbers_of_colours_become_colours(tmp_path, grey):
    image = Image.fromarray(GREY if grey else RGB)
    image = image.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    image.save(tmp_path / "in.png")
    assert "palette" in read_picture(tmp_path / "in.png").lost[0]
    after = round_trip(tmp_path / "in.png")
    assert after.mode == ("L" if grey else "RGB")
    np.testing.assert_array_equal(np.asarray(after), np.asarray(image.convert(after.mode)))


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (GREY.astype(np.uint16), "a.jpg", r"JPEG cannot hold 16 bits"),
        (np.dstack([RGB, ALPHA]), "a.jpg", r"JPEG cannot hold transparency"),
        (GREY.astype(np.int16), "a.png", r"PNG cannot hold 1 channel\(s\) of int16; write a .tif"),
        (GREY / 255, "a.png", r"PNG cannot hold 1 channel\(s\) of float64; write a .tif"),
        (np.dstack([RGB] * 2), "a.png", r"PNG cannot hold 6 channel\(s\)"),
        (np.stack([GREY] * 3), "a.png", r"PNG holds one picture in two dimensions, got .*3"),
        (GREY, "a.gif", "GIF holds 256 colours"),
        (GREY, "a.pdf", "Expected the name of a picture that can be written"),
        (GREY, "a", "Expected the name of a picture that can be written"),
    ],
)
def test_what_a_format_cannot_hold_is_said_before(tmp_path, data, name, message):
    import tifffile

    rgb = data.shape[-1] in (4, 6)
    alpha = ["unassalpha"] if data.shape[-1] == 4 else None
    tifffile.imwrite(
        tmp_path / "in.tif",
        data,
        photometric="rgb" if rgb else "minisblack",
        extrasamples=alpha,
    )
    with pytest.raises(ValueError, match=message):
        check_can_hold(tmp_path / name, read_picture(tmp_path / "in.tif"))


def test_animations_are_series(tmp_path):
    frames = [Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in (0, 5, 9)]
    frames[0].save(tmp_path / "in.webp", save_all=True, append_images=frames[1:], lossless=True)
    (part,) = (picture := read_picture(tmp_path / "in.webp")).parts
    assert part.axes == "TYXS"
    assert part.data.shape == (3, *RGB.shape)
    with pytest.raises(ValueError, match="WEBP holds one picture"):
        check_can_hold(tmp_path / "out.webp", picture)
    write_picture(tmp_path / "out.tif", picture, [part.data])
    assert read_picture(tmp_path / "out.tif").parts[0].axes == "TYXS"


def test_more_than_8_bits_are_not_lost_silently(tmp_path):
    deep = RGB.astype(np.uint16) * 257
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(deep))
    (tmp_path / "a.ppm").write_bytes(b"P6 48 40 65535\n" + deep.astype(">u2").tobytes())
    for name in ("a.jp2", "a.ppm"):
        with pytest.raises(ValueError, match="Expected colours of 8 bits .* PNG or TIFF"):
            read_picture(tmp_path / name)
    Image.fromarray(RGB).save(tmp_path / "b.jp2")
    Image.fromarray(RGB).save(tmp_path / "b.ppm")
    for name in ("b.jp2", "b.ppm"):
        np.testing.assert_array_equal(np.asarray(round_trip(tmp_path / name)), RGB)


def test_no_picture(tmp_path):
    with pytest.raises(FileNotFoundError, match="found no such file"):
        read_picture(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no picture at all")
    with pytest.raises(ValueError, match="neither TIFF nor any format that Pillow knows"):
        read_picture(tmp_path / "text.png")
    Image.fromarray(RGB).save(tmp_path / "whole.png")
    half = (tmp_path / "whole.png").read_bytes()[:600]
    (tmp_path / "half.png").write_bytes(half)
    with pytest.raises(ValueError, match="could not read it"):
        read_picture(tmp_path / "half.png")
