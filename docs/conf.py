# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How sphinx builds the site: `make docs`."""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from sphinx.util import logging

import selfsupervised

DOCS = Path(__file__).parent
sys.path += [str(DOCS), str(DOCS.parent / "tests")]

import house  # noqa: E402

# The two are attributes, not modules; autodoc looks for modules.
sys.modules["selfsupervised.pp"] = selfsupervised.pp
sys.modules["selfsupervised.pl"] = selfsupervised.pl

project = "selfsupervised"
author = "the selfsupervised developers"
copyright = author
version = release = selfsupervised.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "figures"]
templates_path = ["_templates"]
default_role = "autolink"  # `MedianDenoiser` in a docstring is a link
rst_prolog = ".. currentmodule:: selfsupervised\n"

# Pages in Markdown: links to sections of other pages are checked, as all links are.
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence"]
myst_heading_anchors = 4

# The reference.
autosummary_generate = True
autosummary_generate_overwrite = True
autodoc_typehints = "none"  # numpydoc says the types
numpydoc_show_class_members = False  # the template of classes lists them
numpydoc_class_members_toctree = False

# The gallery.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("selfsupervised",),
    "reference_url": {"selfsupervised": None},
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": 0,
    "thumbnail_size": (480, 336),
}

# How it looks. Nothing is loaded from elsewhere.
html_theme = "pydata_sphinx_theme"
html_title = "selfsupervised"
html_static_path = ["_static"]
html_favicon = "_static/favicon.png"
html_context = {"default_mode": "auto"}
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 9,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "start": [], "which_method": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

INVENTORIES = {
    "anndata": "https://anndata.readthedocs.io/en/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "python": "https://docs.python.org/3/",
    "scanpy": "https://scanpy.readthedocs.io/en/stable/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "skimage": "https://scikit-image.org/docs/stable/",
    "sklearn": "https://scikit-learn.org/stable/",
    "skorch": "https://skorch.readthedocs.io/en/stable/",
    "torch": "https://docs.pytorch.org/docs/stable/",
}


def reachable(url):
    """Whether the inventory of another project can be had from here, now."""
    try:
        with urlopen(Request(url + "objects.inv", method="HEAD"), timeout=5):
            return True
    except (URLError, OSError):
        return False


def inventories():
    """Those within reach; without a network the site has no links to other projects, and says so.

    ``DOCS_OFFLINE=1`` asks for none; ``DOCS_OFFLINE=0`` for all, and lets the build fail.
    """
    offline = os.environ.get("DOCS_OFFLINE")
    with ThreadPoolExecutor() as pool:
        if offline is None:
            found = dict(zip(INVENTORIES, pool.map(reachable, INVENTORIES.values())))
        else:
            found = dict.fromkeys(INVENTORIES, offline == "0")
    missing = [name for name, there in found.items() if not there]
    if missing:
        logging.getLogger(__name__).info(f"No links to {', '.join(missing)}: out of reach.")
    return {name: (INVENTORIES[name], None) for name, there in found.items() if there}


intersphinx_mapping = inventories()
intersphinx_timeout = 20


def skip_member(app, what, name, obj, skip, options):
    """Leave what classes inherit from other libraries to the pages of those."""
    function = getattr(obj, "fget", obj)  # of a property
    ours = (getattr(function, "__module__", None) or "").startswith("selfsupervised")
    return None if ours else True


SHAPE_MARKS = r"(?<![\w*])\*(?=\w+[,)])|(?<=\w)_(?=[,)])"


def escape_shapes(app, what, name, obj, options, lines):
    """A shape such as (n_images, *spatial) begins no emphasis, (n, rank_) ends no link."""
    for n, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            parts = re.split("(``.*?``)", line)
            parts[::2] = [re.sub(SHAPE_MARKS, r"\\\g<0>", part) for part in parts[::2]]
            lines[n] = "".join(parts)


def draw_house(app):
    """The image of the rooms is drawn anew, so that it is that of the code."""
    house.draw(DOCS / "contribute" / "house.svg")


def setup(app):
    """Connect the above."""
    app.connect("builder-inited", draw_house)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-docstring", escape_shapes, priority=400)  # before numpydoc
