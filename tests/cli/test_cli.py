# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import subprocess
import sys

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from cases import smooth_image
from selfsupervised.cli.commands import main
from selfsupervised.files.pictures import read_image, write_image


@pytest.fixture
def picture():
    noise = np.random.default_rng(0).normal(0, 20, (40, 48))
    return np.clip(255 * smooth_image((40, 48)) + noise, 0, 255).astype(np.uint8)


def test_a_network_by_name(tmp_path, picture, monkeypatch):
    """There is no search to report; the network reports its training itself."""
    called = {}

    def fake(image, method, **kwargs):
        called.update(method=method, **kwargs)
        return image

    monkeypatch.setattr("selfsupervised.cli.commands.denoise", fake)
    iio.imwrite(tmp_path / "noisy.png", picture)
    main(["denoise", str(tmp_path / "noisy.png"), "--method", "noise2self"])
    expected = {"method": "noise2self", "channel_axis": None, "dtype": np.uint8, "verbose": 1}
    assert called == expected
    np.testing.assert_array_equal(iio.imread(tmp_path / "noisy-denoised.png"), picture)


def test_denoise_a_file(tmp_path, picture, capsys):
    iio.imwrite(tmp_path / "noisy.png", picture)
    panel = tmp_path / "deep" / "panel.png"
    main(["denoise", str(tmp_path / "noisy.png"), "--method", "gaussian", "--panel", str(panel)])
    clean = iio.imread(tmp_path / "noisy-denoised.png")
    assert clean.shape == picture.shape
    assert clean.dtype == np.uint8
    assert clean.std() < picture.std()
    assert iio.imread(panel).shape == (40, 3 * 48)
    printed = capsys.readouterr().out
    assert "self-supervised loss" in printed
    assert "chosen: GaussianDenoiser" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "deep",
        "noisy-denoised.png",
        "noisy.png",
    ]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_and_transparency(tmp_path, picture, channels):
    iio.imwrite(tmp_path / "noisy.png", np.repeat(picture[..., None], channels, axis=2))
    out = tmp_path / "out.png"
    arguments = ["--method", "median", "-o", str(out), "--panel", str(tmp_path / "panel.png")]
    main(["denoise", str(tmp_path / "noisy.png"), *arguments])
    assert iio.imread(out).shape == ((40, 48) if channels == 2 else (40, 48, 3))


@pytest.mark.filterwarnings("ignore::selfsupervised.CorrelatedNoiseWarning")  # equal planes
def test_tiff_volumes_and_floats(tmp_path, picture):
    volume = np.stack([picture] * 6).astype(np.float32) / 255
    path = tmp_path / "noisy.tif"
    tifffile.imwrite(path, volume, metadata={"axes": "ZYX"})
    arguments = ["--method", "gaussian", "--panel", str(tmp_path / "panel.png")]
    main(["denoise", str(path), *arguments])
    out, channel_axis = read_image(tmp_path / "noisy-denoised.tif")
    assert out.shape == volume.shape
    assert out.dtype == np.float32
    assert channel_axis is None
    planes = np.stack([volume[0]] * 2)
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "CYX"})
    assert read_image(path)[1] == 0
    main(["denoise", str(path), *arguments])
    main(["denoise", str(path), "--channel-axis", "0", *arguments])
    assert iio.imread(tmp_path / "panel.png").shape == (40, 3 * 48)


def test_demo(tmp_path, picture, capsys, monkeypatch):
    import selfsupervised.cli.commands as cli

    monkeypatch.setattr(cli, "_noisy_camera", lambda: (picture, np.roll(picture, 1)))
    main(["demo", "--output-dir", str(tmp_path), "--method", "wavelet"])
    assert "truth, which no candidate saw" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["denoised.png", "noisy.png", "panel.png"]
    iio.imwrite(tmp_path / "mine.png", picture)
    main(["demo", "--image", str(tmp_path / "mine.png"), "--output-dir", str(tmp_path / "b"),
          "--method", "wavelet"])  # fmt: skip
    assert "truth" not in capsys.readouterr().out


def test_noisy_camera():
    from selfsupervised.cli.commands import _noisy_camera

    noisy, truth = _noisy_camera()
    assert noisy.dtype == np.uint8
    assert noisy.shape == truth.shape == (512, 512)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.png", None, "found no such file"),
        ("text.png", b"no picture", "could not read it"),
        ("text.tif", b"no picture", "could not read it"),
    ],
)
def test_bad_files(tmp_path, capsys, name, content, message):
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["denoise", str(tmp_path / name)])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_nothing_is_half_written(tmp_path, picture, monkeypatch):
    with pytest.raises(ValueError, match=r"\.png files hold uint8 or uint16, got float64"):
        write_image(tmp_path / "a.png", picture / 255)
    path = tmp_path / "kept.png"
    write_image(path, picture)

    def fails(where, image):
        with open(where, "wb") as file:
            file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(iio, "imwrite", fails)
    with pytest.raises(OSError, match="disk full"):
        write_image(path, picture)
    assert [p.name for p in tmp_path.iterdir()] == ["kept.png"]
    np.testing.assert_array_equal(iio.imread(path), picture)


def test_module_runs():
    done = subprocess.run(
        [sys.executable, "-m", "selfsupervised", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "denoise" in done.stdout
