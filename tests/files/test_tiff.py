# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Files written by tifffile come back as they were but for the noise."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from cases import smooth_image
from selfsupervised.files.pictures import read_picture, write_picture
from selfsupervised.files.tiff_pages import NOT_COPIED

GREY = np.clip(255 * smooth_image((40, 48)), 0, 255).astype(np.uint8)
RGB = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)
GEO = [
    (33550, "d", 3, (0.5, 0.5, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 440720.0, 3751320.0, 0.0), True),
    (34735, "H", 4, (1, 1, 0, 0), True),
]


def stack(*shape, dtype=np.uint16):
    """Planes that all differ."""
    shifts = np.arange(np.prod(shape)).reshape(shape)
    planes = np.stack([np.roll(GREY, n, axis=0) for n in shifts.ravel()])
    return planes.reshape(*shape, *GREY.shape).astype(dtype)


def changed(data):
    return data if data.dtype.kind == "b" else (data // 2).astype(data.dtype)


def round_trip(path, to=None):
    picture = read_picture(path)
    to = to or path.with_name("out.tif")
    write_picture(to, picture, [changed(part.data) for part in picture.parts])
    return to


def tags_of(path):
    """What each page says, but for where its pixels are."""
    places = {273, 278, 279, 324, 325, 34665}
    with tifffile.TiffFile(path) as file:
        return [
            {tag.code: str(tag.value) for tag in page.tags if tag.code not in places}
            for page in map(lambda page: page.aspage(), file.pages)
        ]


def check(path, *, same_tags=True):
    """What tifffile says of a file and of what was made of it is the same."""
    out = round_trip(path)
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(out) as after:
        assert len(before.series) == len(after.series)
        for one, other in zip(before.series, after.series, strict=True):
            assert (one.axes, one.shape, one.dtype, one.kind) == (
                other.axes, other.shape, other.dtype, other.kind)  # fmt: skip
            np.testing.assert_array_equal(other.asarray(), changed(one.asarray()))
        assert before.byteorder == after.byteorder
        assert before.is_bigtiff == after.is_bigtiff
        assert before.imagej_metadata is None or _equal(
            before.imagej_metadata, after.imagej_metadata
        )
        assert before.ome_metadata == after.ome_metadata
    if same_tags:
        assert tags_of(path) == tags_of(out)
    return out


def _equal(one, other):
    return one.keys() == other.keys() and all(str(one[key]) == str(other[key]) for key in one)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, bool])
def test_plain(tmp_path, compression, dtype):
    predicted = compression in ("lzw", "zlib") and dtype is not bool
    data = GREY > 90 if dtype is bool else GREY.astype(dtype)
    tifffile.imwrite(
        tmp_path / "in.tif",
        data,
        compression=compression if dtype is not bool else compression and "packbits",
        predictor=predicted or None,
        resolution=(300, 300),
        resolutionunit="INCH",
        software="scanner",
        datetime=True,
        description="a page",
        metadata=None,
    )
    check(tmp_path / "in.tif")


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "TZYX", "CYX", "QYX"])
def test_named_axes(tmp_path, axes):
    sizes = {"Z": 3, "T": 4, "C": 2, "Q": 3}
    data = stack(*(sizes[axis] for axis in axes[:-2]))
    tifffile.imwrite(tmp_path / "in.tif", data, metadata={"axes": axes}, photometric="minisblack")
    assert read_picture(tmp_path / "in.tif").parts[0].axes == axes
    check(tmp_path / "in.tif")


@pytest.mark.parametrize("n_pages", [3, 4])
def test_pages_are_no_colours(tmp_path, n_pages):
    """Three pages of a scan, each with its own words, of one size or of several."""
    for name, heights in (("same.tif", [40] * n_pages), ("sizes.tif", range(30, 30 + n_pages))):
        with tifffile.TiffWriter(tmp_path / name) as file:
            for number, height in enumerate(heights):
                tags = [(285, "s", 0, f"page {number}", True)]
                page = np.roll(GREY, number, axis=1)[:height]
                file.write(page, extratags=tags, metadata=None, resolution=(200, 200))
        check(tmp_path / name)
        parts = read_picture(tmp_path / name).parts
        assert "S" not in "".join(part.axes for part in parts)


@pytest.mark.parametrize("axes", ["TZCYX", "TYX", "ZYX", "CYX", "YX", "TZCYXS", "YXS"])
def test_imagej(tmp_path, axes):
    sizes = {"T": 3, "Z": 4, "C": 2}
    data = stack(*(sizes[axis] for axis in axes if axis in sizes))
    if axes.endswith("S"):
        data = np.stack([data, data, data], axis=-1).astype(np.uint8)
    ramp = np.arange(256, dtype=np.uint8)
    luts = [np.stack([ramp, 0 * ramp, 0 * ramp]), np.stack([0 * ramp, ramp, 0 * ramp])]
    tifffile.imwrite(
        tmp_path / "in.tif",
        data,
        imagej=True,
        resolution=(1 / 0.108, 1 / 0.108),
        metadata={
            "axes": axes, "unit": "um", "spacing": 0.3, "finterval": 2.5, "mode": "composite",
            "LUTs": luts, "Ranges": (0.0, 255.0, 3.0, 200.0), "Labels": ["a", "b"],
            "Info": "made by a microscope", "ROI": b"Iout" + bytes(60),
        },
    )  # fmt: skip
    out = check(tmp_path / "in.tif")
    with tifffile.TiffFile(out) as file:
        assert file.is_imagej
        assert file.imagej_metadata["unit"] == "um"
        assert "LUTs" in file.imagej_metadata
        if len(file.pages) > 1:  # ImageJ takes all planes from the place of the first
            offsets = [page.aspage().dataoffsets[0] for page in file.pages]
            page = file.pages[0]
            assert np.ptp(np.diff(offsets)) == 0
            assert offsets[1] - offsets[0] == page.nbytes


@pytest.mark.parametrize("axes", ["TZCYX", "CYX", "YX", "YXS", "ZCYXS"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}])
def test_ome(tmp_path, axes, options):
    sizes = {"T": 3, "Z": 4, "C": 2}
    data = stack(*(sizes[axis] for axis in axes if axis in sizes))
    if axes.endswith("S"):
        data = np.stack([data, data, data], axis=-1).astype(np.uint8)
    metadata = {
        "axes": axes,
        "PhysicalSizeX": 0.29,
        "PhysicalSizeXUnit": "µm",
        "TimeIncrement": 0.1,
    }
    tifffile.imwrite(
        tmp_path / "in.ome.tif",
        data,
        metadata=metadata,
        photometric="rgb" if axes.endswith("S") else "minisblack",
        **options,
    )
    check(tmp_path / "in.ome.tif")
    assert read_picture(tmp_path / "in.ome.tif").parts[0].axes == axes
    if axes == "CYX":  # two channels, of which none is transparency
        assert read_picture(tmp_path / "in.ome.tif").parts[0].alpha is None


def test_several_images_in_an_ome_file(tmp_path):
    with tifffile.TiffWriter(tmp_path / "in.ome.tif") as file:
        file.write(stack(2), metadata={"axes": "CYX", "Name": "one"}, photometric="minisblack")
        file.write(stack(4)[..., :30], metadata={"axes": "TYX", "Name": "two"}, photometric=1)
    check(tmp_path / "in.ome.tif")


def test_smaller_copies_are_left_out_and_said(tmp_path):
    with tifffile.TiffWriter(tmp_path / "in.ome.tif") as file:
        file.write(GREY, subifds=1, metadata={"axes": "YX"})
        file.write(GREY[::2, ::2], subfiletype=1)
    picture = read_picture(tmp_path / "in.ome.tif")
    assert picture.lost == ("its smaller copies",)
    with tifffile.TiffFile(round_trip(tmp_path / "in.ome.tif")) as file:
        assert len(file.series) == 1
        assert len(file.series[0].levels) == 1
        assert file.series[0].axes == "YX"


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_geotiff(tmp_path, dtype):
    """What the file says was not measured is masked, and written back."""
    nodata = -9999
    data = GREY.astype(dtype)
    data[:7] = nodata
    tags = [*GEO, (42113, "s", 0, str(nodata), True), (42112, "s", 0, "<GDALMetadata/>", True)]
    tifffile.imwrite(tmp_path / "in.tif", data, extratags=tags, metadata=None)
    picture = read_picture(tmp_path / "in.tif")
    (part,) = picture.parts
    assert part.missing[:7].all() and not part.missing[7:].any()
    write_picture(tmp_path / "out.tif", picture, [part.data + 3])
    after = tifffile.imread(tmp_path / "out.tif")
    assert (after[:7] == nodata).all()
    np.testing.assert_array_equal(after[7:], data[7:] + 3)
    assert tags_of(tmp_path / "in.tif") == tags_of(tmp_path / "out.tif")
    write_picture(tmp_path / "out.tif", picture, [part.data + 3], fill_missing=True)
    assert (tifffile.imread(tmp_path / "out.tif")[:7] == nodata + 3).all()


def test_nan_stays(tmp_path):
    data = GREY.astype(np.float32)
    data[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", data)
    after = tifffile.imread(round_trip(tmp_path / "in.tif"))
    np.testing.assert_array_equal(np.isnan(after), np.isnan(data))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("extra", ["unassalpha", "assocalpha", "unspecified", None])
def test_samples(tmp_path, planar, extra):
    data = np.dstack([RGB, GREY]) if extra else RGB
    stored = np.moveaxis(data, -1, 0) if planar == "separate" else data
    tifffile.imwrite(
        tmp_path / "in.tif",
        stored,
        photometric="rgb",
        planarconfig=planar,
        extrasamples=extra and [extra],
        metadata=None,
    )
    (part,) = read_picture(tmp_path / "in.tif").parts
    assert (part.alpha is not None) == (extra in ("unassalpha", "assocalpha"))
    out = tifffile.imread(round_trip(tmp_path / "in.tif"))
    assert out.shape == stored.shape
    last = np.moveaxis(out, 0, -1) if planar == "separate" else out
    seen = np.ones_like(GREY, bool) if part.alpha is None else GREY > 0
    np.testing.assert_array_equal(last[seen, :3], RGB[seen] // 2)
    if part.alpha is not None:
        np.testing.assert_array_equal(last[..., 3], GREY)
    assert tags_of(tmp_path / "in.tif") == tags_of(tmp_path / "out.tif")


def test_inks_and_profiles(tmp_path):
    inks = np.dstack([RGB, GREY])
    tifffile.imwrite(
        tmp_path / "in.tif",
        inks,
        photometric="separated",
        iccprofile=b"a profile",
        resolution=(120, 120),
        resolutionunit="CENTIMETER",
        metadata=None,
        extratags=[(700, "B", 5, b"<xmp>", True), (274, "H", 1, 6, True)],
    )
    check(tmp_path / "in.tif")
    picture = read_picture(tmp_path / "in.tif")
    assert picture.colours == "CMYK"
    assert picture.metadata["dpi"] == pytest.approx((304.8, 304.8))


def test_lossy_tiff_is_written_without_loss(tmp_path):
    tifffile.imwrite(tmp_path / "in.tif", RGB, compression="jpeg", photometric="rgb")
    before = tifffile.imread(tmp_path / "in.tif")
    out = round_trip(tmp_path / "in.tif")
    np.testing.assert_array_equal(tifffile.imread(out), before // 2)
    with tifffile.TiffFile(out) as file:
        assert file.pages[0].compression == 8


@pytest.mark.parametrize("compression", ["group4", "tiff_ccitt", "group3"])
def test_a_fax(tmp_path, compression):
    pages = [Image.fromarray(level < GREY) for level in (90, 120)]
    pages[0].save(
        tmp_path / "in.tif",
        compression=compression,
        dpi=(200, 100),
        save_all=True,
        append_images=pages[1:],
    )
    out = round_trip(tmp_path / "in.tif")
    with Image.open(tmp_path / "in.tif") as before, Image.open(out) as after:
        for page in range(2):
            before.seek(page)
            after.seek(page)
            assert after.mode == before.mode == "1"
            np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
            assert after.info["dpi"] == before.info["dpi"]


def test_numbers_of_colours(tmp_path):
    """A scale of colours shows values, which stay; other numbers become colours."""
    ramp = np.arange(256, dtype=np.uint16) * 257
    hot = np.stack([ramp, ramp // 2, 0 * ramp])
    tifffile.imwrite(tmp_path / "in.tif", GREY, photometric="palette", colormap=hot, metadata=None)
    check(tmp_path / "in.tif")
    mixed = np.stack([ramp[::-1], ramp, np.roll(ramp, 99)])
    tifffile.imwrite(tmp_path / "in.tif", GREY, photometric="palette", colormap=mixed)
    (part,) = read_picture(tmp_path / "in.tif").parts
    assert part.axes == "YXS"
    with Image.open(tmp_path / "in.tif") as image:
        np.testing.assert_array_equal(part.data, np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(tifffile.imread(round_trip(tmp_path / "in.tif")), part.data // 2)


@pytest.mark.parametrize("options", [{"bigtiff": True}, {"byteorder": ">"}])
def test_containers(tmp_path, options):
    tifffile.imwrite(tmp_path / "in.tif", stack(5), extratags=GEO, **options)
    check(tmp_path / "in.tif")


def test_what_cannot_be_written_back_is_said(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "in.tif", tiffinfo={34665: {36867: "2026:01:01"}})
    assert read_picture(tmp_path / "in.tif").lost == ("its EXIF block",)


def test_one_file_of_a_set(tmp_path):
    """Its pages are denoised, and others' are left to them."""
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:a">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="48" '
        'SizeY="40" SizeZ="1" SizeC="1" SizeT="2"><Channel ID="Channel:0:0"/>'
        '<TiffData IFD="0" FirstT="0"><UUID FileName="a.ome.tif">urn:uuid:a</UUID></TiffData>'
        '<TiffData IFD="0" FirstT="1"><UUID FileName="b.ome.tif">urn:uuid:b</UUID></TiffData>'
        "</Pixels></Image></OME>"
    )
    for name in "ab":
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            GREY,
            description=xml.replace("urn:uuid:a", f"urn:uuid:{name}", 1),
            metadata=None,
        )
    (part,) = read_picture(tmp_path / "a.ome.tif").parts
    assert part.data.shape == GREY.shape
    round_trip(tmp_path / "a.ome.tif")
    assert tags_of(tmp_path / "a.ome.tif") == tags_of(tmp_path / "out.tif")


def test_raw_files_and_damaged_ones(tmp_path):
    tifffile.imwrite(
        tmp_path / "raw.dng", GREY, photometric="cfa", extratags=[(33421, "H", 2, (2, 2), True)]
    )
    with pytest.raises(ValueError, match="camera's raw file"):
        read_picture(tmp_path / "raw.dng")
    tifffile.imwrite(tmp_path / "whole.tif", GREY)
    (tmp_path / "half.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:700])
    with pytest.raises(ValueError, match="Expected a picture at .*half.tif, could not read it"):
        read_picture(tmp_path / "half.tif")


def test_a_lost_tag_is_noticed(tmp_path, monkeypatch):
    """Negative control of `check`."""
    monkeypatch.setattr("selfsupervised.files.tiff_pages.NOT_COPIED", NOT_COPIED | {33550})
    tifffile.imwrite(tmp_path / "in.tif", GREY, extratags=GEO)
    with pytest.raises(AssertionError):
        check(tmp_path / "in.tif")
