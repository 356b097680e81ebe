# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Groups written by zarr come back as they were but for the noise."""

import json
import os

import numpy as np
import pytest

from cases import smooth_image
from selfsupervised.auto.blocks import BYTES_PER_VALUE, GIB
from selfsupervised.cli.commands import main
from selfsupervised.core.axes import Axes, parse_axes
from selfsupervised.files import zarr_group
from selfsupervised.files.zarr_group import update_smaller, zarr_images

zarr = pytest.importorskip("zarr")

CLEAN = 1000 * smooth_image((40, 48)) + 500
FAST = ["--method", "gaussian"]


def noisy(*shape):
    clean = np.broadcast_to(CLEAN, (*shape, *CLEAN.shape))
    noise = np.random.default_rng(0).normal(0, 80, clean.shape)
    return np.clip(clean + noise, 0, 65535).astype(np.uint16)


def halved(data):
    return data.reshape(*data.shape[:-2], 20, 2, 24, 2).mean(axis=(-3, -1))


@pytest.fixture(params=[2, 3])
def ome(request, tmp_path, monkeypatch):
    """An OME-Zarr group of both versions, with a smaller copy, labels and attributes."""
    monkeypatch.chdir(tmp_path)
    version = request.param
    root = zarr.open_group("in.ome.zarr", mode="w", zarr_format=version)
    data = noisy(2, 2)
    for path, values in (("0", data), ("1", np.rint(halved(data)).astype(np.uint16))):
        root.create_array(path, data=values, chunks=(1, 1, 20, 24))
    labels = root.create_group("labels").create_group("cells")
    labels.create_array("0", data=np.ones((40, 48), np.uint8))
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scales = {"version": "0.4", "axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}
    said = {"multiscales": [scales], "omero": {"channels": [{"color": "FF0000"}]}}
    root.attrs.update(said if version == 2 else {"ome": said})
    labels.attrs["multiscales"] = [{"axes": ["y", "x"], "datasets": [{"path": "0"}]}]
    return data


def files_of(folder):
    return {
        os.path.relpath(os.path.join(where, name), folder)
        for where, _, names in os.walk(folder)
        for name in names
    }


def test_an_ome_zarr_group(ome, capsys):
    main(["denoise", "in.ome.zarr", *FAST])
    printed = capsys.readouterr().out
    assert "0: T 2 × C 2 × Y 40 × X 48: 4 images, one for each T and C, over YX" in printed
    before = zarr.open_group("in.ome.zarr", mode="r")
    after = zarr.open_group("in-denoised.ome.zarr", mode="r")
    assert dict(before.attrs) == dict(after.attrs)
    assert files_of("in.ome.zarr") == files_of("in-denoised.ome.zarr")
    np.testing.assert_array_equal(before["0"][:], ome)
    assert before["0"].metadata == after["0"].metadata
    np.testing.assert_array_equal(after["labels/cells/0"][:], before["labels/cells/0"][:])
    out = after["0"][:]
    assert np.sqrt(np.mean((out - CLEAN) ** 2)) < 60 < np.sqrt(np.mean((ome - CLEAN) ** 2))
    assert np.abs(after["1"][:] - halved(out)).max() <= 0.5
    assert sorted(os.listdir()) == ["in-denoised.ome.zarr", "in.ome.zarr"]


def test_a_folder_of_groups_and_pictures(ome, capsys):
    from PIL import Image

    Image.fromarray(noisy()).save("a.png")
    main(["denoise", ".", *FAST, "--json", "--output-dir", "out", "--over", "YX"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["input"], row["status"]) for row in rows] == [
        ("a.png", "done"),
        ("in.ome.zarr", "done"),
    ]
    assert rows[1]["n_images"] == 4


def test_arrays_and_plain_groups(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    zarr.create_array("named.zarr", data=noisy(3), dimension_names=["t", "y", "x"])
    main(["denoise", "named.zarr", *FAST])
    assert "T 3 × Y 40 × X 48: 3 images" in capsys.readouterr().out
    assert zarr.open_array("named-denoised.zarr", mode="r").metadata.dimension_names == (
        "t", "y", "x")  # fmt: skip
    group = zarr.open_group("group.zarr", mode="w")
    group.create_array("deep/one", data=noisy())
    group.create_array("table", data=np.arange(5))
    main(["denoise", "group.zarr", *FAST])
    np.testing.assert_array_equal(
        zarr.open_group("group-denoised.zarr", mode="r")["table"][:], np.arange(5)
    )
    zarr.create_array("unnamed.zarr", data=noisy(3))
    with pytest.raises(SystemExit):
        main(["denoise", "unnamed.zarr"])
    message = "unnamed.zarr does not say what its 3 axes are, of shape (3, 40, 48); name them"
    assert message in capsys.readouterr().err
    main(["denoise", "unnamed.zarr", "--axes", "TYX", *FAST, "-q"])


def test_what_is_no_image(tmp_path):
    group = zarr.open_group(tmp_path / "table.zarr", mode="w")
    group.create_array("table", data=np.arange(5))
    with pytest.raises(ValueError, match="found no array of two axes"):
        zarr_images(tmp_path / "table.zarr")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match="Expected a zarr array or group at"):
        zarr_images(tmp_path / "broken.zarr")


def test_nothing_is_left_of_what_failed(ome, monkeypatch, capsys):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("selfsupervised.cli.one_file.update_smaller", fail)
    with pytest.raises(SystemExit):
        main(["denoise", "in.ome.zarr", *FAST])
    assert "disk full" in capsys.readouterr().err
    assert os.listdir() == ["in.ome.zarr"]


def test_smaller_copies_of_odd_sizes_and_colours(tmp_path):
    """The last block is cut by the edge; nothing but the image is in its mean."""
    root = zarr.open_group(tmp_path / "in.zarr", mode="w")
    data = np.full((3, 5, 7), 9.0, np.float32)
    root.create_array("0", data=data)
    root.create_array("1", data=np.zeros((3, 3, 4), np.float32))
    root.attrs["multiscales"] = [
        {"axes": ["c", "y", "x"], "datasets": [{"path": "0"}, {"path": "1"}]}
    ]
    for over in ("CYX", "YX"):
        (image,) = zarr_images(tmp_path / "in.zarr", mode="r+")
        image.smaller[0][:] = 0
        update_smaller(image, parse_axes("CYX", over))
        np.testing.assert_array_equal(root["1"][:], np.full((3, 3, 4), 9.0))


def test_an_image_larger_than_memory(tmp_path, monkeypatch, capsys):
    """It is never there as a whole: not the image, not what its smaller copy is made of."""
    monkeypatch.chdir(tmp_path)
    shape = (192, 160)
    clean = 1000 * smooth_image(shape) + 500
    data = np.rint(clean + np.random.default_rng(0).normal(0, 80, shape)).astype(np.uint16)
    root = zarr.open_group("in.ome.zarr", mode="w")
    for path, values in (("0", data), ("1", data[::2, ::2])):
        root.create_array(path, data=values, chunks=(32, 40))
    axes = [{"name": name, "type": "space"} for name in "yx"]
    root.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": "0"}, {"path": "1"}]}]
    sizes, whole = [], Axes.image_at

    def counted(*args):
        sizes.append(whole(*args).size)
        return whole(*args)

    monkeypatch.setattr(Axes, "image_at", counted)
    monkeypatch.setattr(zarr_group, "PIECE_EDGES_PIXELS", {2: 64})
    limit = 15_000
    memory = str(limit * BYTES_PER_VALUE / GIB)
    main(["denoise", "in.ome.zarr", "--memory", memory, *FAST])
    assert max(sizes) <= limit < data.size
    assert "each image in 24 blocks" in capsys.readouterr().out
    after = zarr.open_group("in-denoised.ome.zarr", mode="r")
    out = after["0"][:]
    assert np.sqrt(np.mean((out - clean) ** 2)) < 40
    means = out.reshape(96, 2, 80, 2).mean(axis=(1, 3))
    assert np.abs(after["1"][:] - means).max() <= 0.5
    sizes.clear()  # the negative control: without a limit all is read at once
    main(["denoise", "in.ome.zarr", "-o", "whole.zarr", *FAST, "-q"])
    assert max(sizes) == data.size
    assert np.abs(out - zarr.open_group("whole.zarr", mode="r")["0"][:].astype(float)).max() <= 1
    with pytest.raises(SystemExit):
        main(["denoise", "in.ome.zarr", "-o", "b.zarr", "--memory", "1e-4"])
    assert "Expected memory for blocks of 80 pixels" in capsys.readouterr().err


def test_only_zarr_is_read_in_blocks(tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.fromarray(noisy()).save("a.png")
    with pytest.raises(SystemExit):
        main(["denoise", "a.png", "--memory", "1e-6", *FAST])
    assert "only those of zarr are read in blocks; convert it" in capsys.readouterr().err
    for wrong in ("0", "-1", "much", "inf"):
        with pytest.raises(SystemExit):
            main(["denoise", "a.png", "--memory", wrong])
        assert "argument --memory" in capsys.readouterr().err
    main(["denoise", "a.png", "--memory", "1", *FAST])
