# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""`selfsupervised compare`, and its page in a browser."""

import json
import os
import re
import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from cases import smooth_image
from selfsupervised.cli.commands import main

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
METHODS = ["--methods", "gaussian,nl_ridge"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noisy(*shape, level=15):
    clean = np.broadcast_to(255 * smooth_image((96, 112)), (*shape, 96, 112))
    noise = np.random.default_rng(0).normal(0, level, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8)


def test_table_and_page(folder, capsys):
    Image.fromarray(noisy()).save("a <b>.png")
    main(["compare", "a <b>.png", *METHODS])
    printed = capsys.readouterr().out
    assert re.search(r"^nl_ridge +-?[\d.]+ +(> )?\d+\.\d\d", printed, flags=re.MULTILINE)
    assert "nl_ridge has the least estimated error" in printed
    assert "noise of standard deviation 1" in printed
    page = (folder / "a <b>-compare.html").read_text()
    assert "a &lt;b&gt;.png" in page
    assert "nl_ridge has the least" in page
    assert not re.findall(r"https?://", page)
    assert not re.search(r"\$[a-z{]", page)  # all places of the template are filled


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "YXS"])
def test_films_volumes_and_colours(folder, capsys, axes):
    data = noisy(5)
    data = np.moveaxis(data[:3], 0, -1) if axes == "YXS" else data
    photometric = "rgb" if axes == "YXS" else "minisblack"
    tifffile.imwrite("in.tif", data, metadata={"axes": axes}, photometric=photometric)
    main(["compare", "in.tif", "--methods", "gaussian", "--html", "p.html", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [one["method"] for one in found["methods"]] == ["gaussian", "as it is"]
    assert found["page"] == "p.html"
    assert ("in.tif, T 2" in (folder / "p.html").read_text()) == (axes == "TYX")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.png"], "no such file"),
        (["a.png", "--methods", "gaussian,magic"], "--methods names magic; expected some of auto"),
        (["a.png", "--html", "there.html"], "there.html exists; --overwrite replaces it, --html"),
        (["flat.png"], "No noise is to be seen"),
    ],
)
def test_messages(folder, capsys, arguments, message):
    Image.fromarray(noisy()).save("a.png")
    Image.fromarray(np.full((64, 64), 9, np.uint8)).save("flat.png")
    (folder / "there.html").touch()
    before = sorted(os.listdir())
    with pytest.raises(SystemExit) as stop:
        main(["compare", *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert sorted(os.listdir()) == before


def browser():
    """The program of a browser; None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.mark.skipif(browser() is None, reason="no browser is installed")
def test_the_page_in_a_browser(folder, capsys):
    """It loads nothing, says nothing in its console, and its slider moves."""
    api = pytest.importorskip("playwright.sync_api")
    Image.fromarray(noisy()).save("in.png")
    main(["compare", "in.png", *METHODS])
    with api.sync_playwright() as play:
        program = play.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = program.new_page(viewport={"width": 1100, "height": 900})
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "in-compare.html").as_uri())
        assert page.evaluate("['before','after','residual'].every(id => $(id).naturalWidth == 112)")
        assert page.inner_text("#name") == "nl_ridge"
        clip = "getComputedStyle($('before')).clipPath"
        middle = page.evaluate(clip)
        box = page.locator("#at").bounding_box()
        page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 20)
        moved = page.evaluate(clip)
        assert moved != middle
        assert float(page.input_value("#at")) == pytest.approx(80, abs=2)
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(clip) != moved
        after = page.get_attribute("#after", "src")
        page.click("text=gaussian")
        assert page.get_attribute("#after", "src") != after
        assert page.inner_text("#name") == "gaussian"
        assert page.locator("#lags td").count() == 81
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 1100
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        program.close()
    assert not said
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
