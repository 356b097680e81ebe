# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The site holds every public name; `make docs` builds it, which takes longer."""

import inspect
import re
from pathlib import Path

import selfsupervised as ss
from cases import public

DOCS = Path(ss.__file__).parent.parent / "docs"


def listed(text):
    """Names in the tables of the API page."""
    blocks = re.findall(r"^\.\. autosummary::\n((?:   .*\n|\n)*)", text, flags=re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines() if line[3:4].isalpha()]


def public_names():
    """All that users can name, those in the public modules with their prefix."""
    for name, obj in public():
        if inspect.ismodule(obj):
            yield from (f"{name}.{part}" for part in obj.__all__)
        else:
            yield name


def test_the_api_page_lists_every_public_name_once():
    names = listed((DOCS / "api.rst").read_text())
    assert len(names) == len(set(names))
    assert set(public_names()) <= set(names)
    here = {name.partition(".")[0] for name in names}
    assert here <= set(ss.__all__)


def test_a_missing_name_is_found():
    text = (DOCS / "api.rst").read_text()
    assert "networks.UNet" in listed(text)
    assert "networks.UNet" not in listed(text.replace("   networks.UNet\n", ""))


def too_long(text):
    """Lines of more than 100 characters that could be shorter: no tables, code or addresses."""
    prose = re.sub(r"^ *(```|:::).*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = (line for line in prose.splitlines() if not line.lstrip().startswith("|"))
    return [line for line in lines if len(line) > 100 and " " in line.strip("-* ")]


def test_lines_of_the_guide_are_short():
    pages = [page for page in DOCS.rglob("*.md") if "_build" not in page.parts]
    assert {
        page.name: too_long(page.read_text()) for page in pages if too_long(page.read_text())
    } == {}


def test_a_long_line_is_found():
    long = "word " * 21
    assert too_long(f"short\n{long}\n") == [long]
    assert not too_long(f"| {long} |\n```\n{long}\n```\n" + "x" * 120)


def test_images_are_small_and_shown():
    """They stay in the history for good."""
    pages = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
    text = "".join(page.read_text() for page in pages if "_build" not in page.parts)
    images = sorted((DOCS / "images").glob("*.png"))
    assert [image.name for image in images if f"images/{image.name})" not in text] == []
    assert [image.name for image in images if image.stat().st_size > 66_000] == []
    assert sum(image.stat().st_size for image in images) < 400_000
