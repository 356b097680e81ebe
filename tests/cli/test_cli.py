# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from PIL import Image

from cases import smooth_image
from selfsupervised.auto.families import FAMILIES, NETWORKS
from selfsupervised.cli.commands import METHODS, main

CLEAN = 255 * smooth_image((40, 48))
FAST = ["--method", "gaussian"]


def noisy(*shape, seed=0):
    clean = np.broadcast_to(CLEAN, (*shape, *CLEAN.shape))
    return np.clip(clean + np.random.default_rng(seed).normal(0, 20, clean.shape), 0, 255).astype(
        np.uint8
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(path, array=None):
    Image.fromarray(noisy() if array is None else array).save(path)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def fails(arguments, status, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == status
    return capsys.readouterr()


def test_one_file(folder, capsys):
    save("noisy.png")
    main(["denoise", "noisy.png", *FAST, "--panel", "deep/panel.png"])
    clean = pixels("noisy-denoised.png")
    assert clean.shape == CLEAN.shape
    assert clean.dtype == np.uint8
    assert clean.std() < noisy().std()
    assert pixels("deep/panel.png").shape == (40, 3 * 48)
    printed = capsys.readouterr()
    assert "GaussianDenoiser" in printed.out
    assert "wrote noisy-denoised.png" in printed.out
    assert printed.err == ""
    assert sorted(os.listdir()) == ["deep", "noisy-denoised.png", "noisy.png"]


def test_names_of_results(folder):
    (folder / "a").mkdir()
    tifffile.imwrite("a/in.v2.ome.tif", noisy(), metadata={"axes": "YX"})
    main(["denoise", "a/in.v2.ome.tif", *FAST, "-q"])
    main(["denoise", "a/in.v2.ome.tif", *FAST, "--output-dir", "b", "-q"])
    assert os.listdir("b") == ["in.v2.ome.tif"]
    assert "in.v2-denoised.ome.tif" in os.listdir("a")


def test_many_files_one_of_them_broken(folder, capsys):
    (folder / "in").mkdir()
    for name in ("a.png", "b.tif", "c.jpg"):
        save(f"in/{name}")
    (folder / "in" / "broken.png").write_text("no picture")
    (folder / "in" / "notes.txt").write_text("no picture either")
    printed = fails(["denoise", "in", *FAST, "--output-dir", "out"], 1, capsys)
    assert sorted(os.listdir("out")) == ["a.png", "b.tif", "c.jpg"]
    assert "denoise: in/broken.png: Expected a picture" in printed.err
    assert "3 of 4 files are denoised." in printed.out
    assert "in/broken.png  failed" in printed.out
    # A second time all are there; results of this program are no inputs.
    printed = fails(["denoise", "in", *FAST, "--output-dir", "out"], 1, capsys)
    assert "--overwrite replaces it, --resume goes on" in printed.out
    (folder / "in" / "broken.png").unlink()
    (folder / "out" / "b.tif").unlink()
    os.utime("out/c.jpg", (0, 0))  # older than its input
    before = os.stat("out/a.png").st_mtime_ns
    main(["denoise", "in/*.*g", "in/b.tif", *FAST, "--output-dir", "out", "--resume"])
    printed = capsys.readouterr().out
    assert os.stat("out/a.png").st_mtime_ns == before
    assert "in/a.png  done before" in printed
    assert "in/b.tif  done " in printed
    assert os.stat("out/c.jpg").st_mtime > 0
    main(["denoise", "in", *FAST, "--overwrite", "-q", "--output-dir", "out"])
    assert capsys.readouterr().out == ""
    assert os.stat("out/a.png").st_mtime_ns > before


def test_results_are_no_inputs_of_the_next_run(folder, capsys):
    save("a.png")
    main(["denoise", ".", *FAST, "-q"])
    main(["denoise", ".", *FAST, "--resume"])
    assert sorted(os.listdir()) == ["a-denoised.png", "a.png"]


def test_progress_on_a_terminal_only(folder, capsys, monkeypatch):
    save("a.png")
    main(["denoise", "a.png", *FAST])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    main(["denoise", "a.png", *FAST, "--overwrite"])
    assert "0%|" in capsys.readouterr().err
    main(["denoise", "a.png", *FAST, "--overwrite", "--json"])
    assert capsys.readouterr().err == ""


def test_json(folder, capsys):
    save("a.png")
    save("b.png")
    (folder / "c.png").write_text("no picture")
    printed = fails(["denoise", "a.png", "b.png", "c.png", *FAST, "--json"], 1, capsys)
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [row["status"] for row in rows] == ["done", "done", "failed"]
    assert rows[0]["chosen"][0].startswith("GaussianDenoiser(")
    assert rows[0]["axes"] == "YX"
    assert "Expected a picture" in rows[2]["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.png"], "none.png, found no such file"),
        (["*.bmp"], r"Expected files that match \*.bmp, found none"),
        (["empty"], "Expected pictures in the folder empty, found none"),
        (["text.png"], "neither TIFF nor any format that Pillow knows"),
        (["a.png", "b.png", "-o", "c.png"], "-o names one file, got 2 inputs; .* --output-dir"),
        (["a.png", "b.png", "--panel", "c.png"], "--panel is of one file"),
        (["a.png", "-o", "c.png", "--output-dir", "d"], "-o or --output-dir, got both"),
        (["a.png", "sub/a.png", "--output-dir", "d"], "would both be written to d/a.png"),
        (["a.png", "-o", "c.png", "--panel", "b.png"], "b.png exists; --overwrite replaces it"),
        (["a.png", "-o", "a.png"], "would replace the input a.png"),
        (["a.png", "-o", "b.png"], "b.png exists; --overwrite replaces it"),
        (["a.png", "-o", "a.gif"], "GIF holds 256 colours"),
        (["a.png", "-o", "a.xyz"], "Expected the name of a picture"),
        (["deep.png", "-o", "deep.jpg"], "JPEG cannot hold 16 bits"),
        (["int16.tif", "-o", "x.png"], r"PNG cannot hold 1 channel\(s\) of int16; write a .tif"),
        (["a.png", "--axes", "TYX"], "--axes 'TYX', which are 3, for an image of shape"),
        (["a.png", "--over", "ZYX"], "--over 'ZYX' names Z, which --axes 'YX' have not"),
        (["a.png", "--budget", "-1"], "budget_s to be seconds"),
        (["complex.tif"], "Expected real numbers in complex.tif, got complex64"),
    ],
)
def test_what_cannot_be_begun_is_said_before_the_work(folder, capsys, arguments, message):
    for name in ("a.png", "b.png"):
        save(name)
    (folder / "empty").mkdir()
    (folder / "sub").mkdir()
    save("sub/a.png")
    (folder / "text.png").write_text("no picture")
    save("deep.png", noisy().astype(np.uint16) * 256)
    tifffile.imwrite("int16.tif", noisy().astype(np.int16))
    tifffile.imwrite("complex.tif", noisy().astype(np.complex64))
    before = sorted(os.listdir())
    start = time.perf_counter()
    printed = fails(["denoise", *arguments], 2, capsys)
    assert time.perf_counter() - start < 3
    assert printed.err.startswith("selfsupervised denoise: ")
    assert printed.err.count("\n") == 1
    assert re.search(message, printed.err), printed.err
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("axes", "over", "n_images"),
    [
        ("TZCYX", None, 4),
        ("TZCYX", "YX", 12),
        ("TCYX", "TYX", 2),
        ("CYX", "CYX", 1),
        ("QYX", None, 3),
    ],
)
def test_axes_and_over(folder, capsys, axes, over, n_images):
    shape = tuple({"T": 2, "Z": 3, "C": 2, "Q": 3}[axis] for axis in axes[:-2])
    tifffile.imwrite("in.tif", noisy(*shape), metadata={"axes": axes}, photometric="minisblack")
    main(["denoise", "in.tif", *FAST, "--json", *(["--over", over] if over else [])])
    row = json.loads(capsys.readouterr().out)
    assert (row["axes"], row["n_images"]) == (axes, n_images)
    with tifffile.TiffFile("in-denoised.tif") as file:
        assert file.series[0].axes == axes
        out = file.asarray()
    assert out.dtype == np.uint8
    error = np.sqrt(np.mean((out.astype(float) - CLEAN) ** 2))
    assert error < 14 < np.sqrt(np.mean((noisy(*shape) - CLEAN) ** 2))


def test_what_is_decided_is_one_line(folder, capsys):
    tifffile.imwrite("in.tif", noisy(3, 2), metadata={"axes": "TCYX"}, photometric="minisblack")
    main(["denoise", "in.tif", *FAST])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("T 3 × C 2 × Y 40 × X 48: 6 images, one for each T and C, over YX")
    assert lines[1].startswith("C 0: noise of the 3 images agrees (standard deviation ")
    assert lines[2].startswith("C 1: noise of the 3 images agrees")
    assert len(lines) == 4


def test_unmeasured_stays_unless_asked(folder):
    data = noisy().astype(np.float32)
    data[3:6, 4:9] = np.nan
    tifffile.imwrite("in.tif", data)
    main(["denoise", "in.tif", *FAST, "-q", "-o", "kept.tif"])
    main(["denoise", "in.tif", *FAST, "-q", "-o", "filled.tif", "--fill-missing"])
    np.testing.assert_array_equal(np.isnan(tifffile.imread("kept.tif")), np.isnan(data))
    assert not np.isnan(tifffile.imread("filled.tif")).any()


def test_infinite_values_stay(folder):
    data = noisy().astype(np.float32)
    data[3, 4], data[7, 8] = np.inf, -np.inf
    tifffile.imwrite("in.tif", data)
    main(["denoise", "in.tif", *FAST, "-q"])
    out = tifffile.imread("in-denoised.tif")
    np.testing.assert_array_equal(np.isfinite(out), np.isfinite(data))


def test_a_scan_of_single_bits(folder):
    page = CLEAN > 120
    dirty = page ^ (np.random.default_rng(0).random(page.shape) < 0.03)
    save("in.png", dirty)
    main(["denoise", "in.png", "--method", "median", "-q"])
    assert pixels("in-denoised.png").dtype == bool
    assert (pixels("in-denoised.png") != page).mean() < (dirty != page).mean()


def test_a_private_picture_stays_private(folder):
    save("in.png")
    os.chmod("in.png", 0o600)
    main(["denoise", "in.png", *FAST, "-q", "--panel", "panel.png"])
    main(["compare", "in.png", "--methods", "gaussian"])
    for name in ("in-denoised.png", "panel.png", "in-compare.html"):
        assert os.stat(name).st_mode & 0o777 == 0o600


def test_photographs_lie_as_they_lay(folder):
    exif = Image.Exif()
    exif[274] = 6
    rgb = np.stack([noisy(seed=n) for n in range(3)], axis=-1)
    Image.fromarray(rgb).save("in.jpg", exif=exif, quality=95, dpi=(300, 300))
    main(["denoise", "in.jpg", *FAST, "-q"])
    with Image.open("in-denoised.jpg") as image:
        assert image.getexif()[274] == 6
        assert image.info["dpi"] == (300, 300)


def test_warnings_in_words(folder, capsys):
    clean = np.tile(255 * smooth_image((64, 64)), (3, 3))
    noise = np.random.default_rng(0).normal(0, 50, (192, 194))
    shared = (noise[:, 2:] + noise[:, 1:-1] + noise[:, :-2]) / 3
    save("in.tif", (clean + shared).astype(np.float32))
    main(["denoise", "in.tif", "--jobs", "1"])
    error = capsys.readouterr().err
    assert "in.tif: neighbouring pixels share noise" in error
    assert "PixelGrid" not in error and ".py" not in error
    assert error.count("\n") == 1


def test_ctrl_c_in_what_a_library_catches(folder, monkeypatch, capsys):
    """A network ends its training by it, and returns what it has."""
    from selfsupervised.cli import one_file

    def interrupted(array, *args, **kwargs):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            return array, []

    monkeypatch.setattr(one_file, "denoise_series", interrupted)
    save("in.png")
    before = signal.getsignal(signal.SIGINT)  # a shell's job in the background ignores it
    printed = fails(["denoise", "in.png"], 130, capsys)
    assert (
        printed.err == "selfsupervised denoise: stopped; what was not complete was not written.\n"
    )
    assert os.listdir() == ["in.png"]
    assert signal.getsignal(signal.SIGINT) is before


def test_demo(folder, capsys, monkeypatch):
    from selfsupervised.cli import demo

    monkeypatch.setattr(demo, "noisy_camera", lambda: (noisy(), CLEAN.astype(np.uint8)))
    main(["demo", "--output-dir", "a", "--method", "wavelet"])
    printed = capsys.readouterr().out
    assert "truth, which no candidate saw" in printed
    assert "self-supervised loss" in printed
    assert sorted(os.listdir("a")) == ["denoised.png", "noisy.png", "panel.png"]
    save("mine.tif")
    main(["demo", "--image", "mine.tif", "--output-dir", "b", "--method", "wavelet"])
    assert "truth" not in capsys.readouterr().out
    assert sorted(os.listdir("b")) == ["denoised.tif", "noisy.tif", "panel.png"]
    tifffile.imwrite("film.tif", noisy(3), metadata={"axes": "TYX"}, photometric="minisblack")
    assert "takes one picture" in fails(["demo", "--image", "film.tif"], 2, capsys).err


def test_noisy_camera():
    from selfsupervised.cli.demo import noisy_camera

    image, truth = noisy_camera()
    assert image.dtype == np.uint8
    assert image.shape == truth.shape == (512, 512)


def test_nothing_is_half_written(folder, monkeypatch, capsys):
    save("in.png")
    save("out.png")
    before = pixels("out.png")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    printed = fails(["denoise", "in.png", *FAST, "-o", "out.png", "--overwrite"], 2, capsys)
    assert "disk full" in printed.err
    assert sorted(os.listdir()) == ["in.png", "out.png"]
    np.testing.assert_array_equal(pixels("out.png"), before)


def test_methods_are_those_of_denoise():
    assert sorted(METHODS) == sorted(["auto", *FAMILIES, *NETWORKS])


def test_the_program_itself():
    for arguments in (["--help"], ["denoise", "--help"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-m", "selfsupervised", *arguments], capture_output=True, text=True
        )
        assert done.returncode == 0
        assert "selfsupervised" in done.stdout


def test_without_the_extra_it_says_what_to_install(folder):
    save("in.png")
    code = (
        "import sys; sys.modules['imagecodecs'] = None\n"
        "from selfsupervised.cli import main; main(['denoise', 'in.png'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'selfsupervised[cli]'" in done.stderr


@pytest.mark.parametrize("kind", ["plain", "imagej", "ome", "rgb"])
@pytest.mark.parametrize("over", ["YX", None])
def test_axes_of_each_kind_of_file(folder, capsys, kind, over):
    """What a file says of its axes is believed, and is what its result says."""
    letters = {"plain": "QYX", "imagej": "TZCYX", "ome": "TZCYX", "rgb": "YXS"}[kind]
    data = noisy(*(2 for _ in letters[:-2])) if kind != "rgb" else noisy(3).transpose(1, 2, 0)
    said = {} if kind == "plain" else {"axes": letters}
    options = {"imagej": True} if kind == "imagej" else {"ome": kind == "ome"}
    photometric = "rgb" if kind == "rgb" else "minisblack"
    tifffile.imwrite("in.tif", data, metadata=said, photometric=photometric, **options)
    main(["denoise", "in.tif", *FAST, "--json", *(["--over", over] if over else [])])
    row = json.loads(capsys.readouterr().out)
    by_volume = {"plain": 2, "imagej": 4, "ome": 4, "rgb": 1}[kind]
    by_plane = {"plain": 2, "imagej": 8, "ome": 8, "rgb": 1}[kind]
    assert row["n_images"] == (by_plane if over else by_volume)
    assert row["axes"] == letters
    with tifffile.TiffFile("in.tif") as before, tifffile.TiffFile("in-denoised.tif") as after:
        one, other = before.series[0], after.series[0]
        assert (one.kind, one.axes, one.shape) == (other.kind, other.axes, other.shape)
        assert not np.array_equal(one.asarray(), other.asarray())
