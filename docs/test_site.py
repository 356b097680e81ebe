# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The built site in a browser: pages open, the search finds, and nothing complains."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

import pytest

SITE = Path(__file__).parent / "_build" / "html"
BROWSER = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = {
    "index.html": "selfsupervised",
    "start.html": "Start",
    "which_method.html": "Which method?",
    "i_have/index.html": "I have",
    "i_have/time_lapse.html": "I have a time-lapse",
    "papers/noise2self.html": "Noise2Self",
    "understand/evidence.html": "Three kinds of evidence",
    "contribute/house.html": "The house in one image",
    "auto_examples/index.html": "Gallery",
    "auto_examples/plot_03_one_line.html": "One line from a noisy image to a denoised one",
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def address():
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built: make docs")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(address):
    """A page that fails the test if its console complains, or a file of ours is missing."""
    api = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("no browser is installed")
    with api.sync_playwright() as play:
        program = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = program.new_page(viewport={"width": 1280, "height": 900})
        wrong: list = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if _is_ours(said) else None)
        page.on(
            "response",
            lambda response: (
                wrong.append(response.url)
                if response.status >= 400 and response.url.startswith(address)
                else None
            ),
        )
        yield page
        program.close()
    assert wrong == []


def _is_ours(said):
    """Errors, but those of fonts and scripts of other sites, which may be out of reach."""
    return said.type == "error" and "net::ERR" not in said.text


def test_what_the_console_says_is_heard(address):
    """The negative control of what the other tests rest on."""
    api = pytest.importorskip("playwright.sync_api")
    if BROWSER is None:
        pytest.skip("no browser is installed")
    with api.sync_playwright() as play:
        program = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page, heard = program.new_page(), []
        page.on("console", lambda said: heard.append(said.text) if _is_ours(said) else None)
        page.goto(f"{address}/index.html")
        page.evaluate("console.error('planted')")
        program.close()
    assert heard == ["planted"]


@pytest.mark.parametrize("name", PAGES)
def test_pages_open(name, page, address):
    if not (SITE / name).exists() and name.startswith("auto_examples"):
        pytest.skip("the gallery was not built")
    page.goto(f"{address}/{name}")
    assert PAGES[name] in page.inner_text("h1")


def test_the_reference_of_denoise(page, address):
    page.goto(f"{address}/api.html")
    page.get_by_role("link", name="denoise", exact=True).first.click()
    assert "denoise" in page.inner_text("h1")
    assert "Noisy image of any numeric dtype" in page.inner_text("main")


def test_the_search_finds(page, address):
    page.goto(f"{address}/search.html?q=SameSplit")
    page.wait_for_selector("#search-results li", timeout=20_000)
    assert "SameSplit" in page.inner_text("#search-results")
