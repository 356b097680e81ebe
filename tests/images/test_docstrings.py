# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The docstrings of networks say the same of what they share, written out."""

import ast
import inspect

import pytest
from network_docstrings import shared_texts

import selfsupervised as ss
from cases import NETWORK_DENOISERS, public

CLASSES = [type(denoiser) for denoiser in NETWORK_DENOISERS]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_networks_share_is_written_out(cls):
    source = inspect.getsource(cls)
    for text in shared_texts(cls):
        assert text in source, f"{cls.__name__} must say, as tests/network_docstrings.py:\n{text}"


def test_a_docstring_that_differs_is_found():
    other = inspect.getsource(ss.PixelGrid)
    for cls in CLASSES:
        other += inspect.getsource(cls).replace("Share of the pixels", "Part of the pixels")
        assert shared_texts(cls)[0] not in other


def test_docstrings_have_no_templates():
    """Editors show what is in the source, where nothing is filled in."""
    for name, thing in public():
        if isinstance(thing, type):
            (node,) = ast.parse(inspect.getsource(thing)).body
            doc = ast.get_docstring(node)
            assert "{parameters}" not in doc and "{attributes}" not in doc, name
            assert inspect.cleandoc(thing.__doc__) == doc, name
