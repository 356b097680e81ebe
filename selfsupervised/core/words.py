# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Estimators in words that are read, not copied."""

import re

FUNCTION = re.compile(r"<function (?:[\w.<>]*\.)?<?(\w+)>? at 0x[0-9a-f]+>")
LONG_NUMBER = re.compile(r"\d+\.\d{5,}(e[+-]?\d+)?")


def in_short(value):
    """A value as text: one line, numbers of four digits, functions by their names."""
    text = FUNCTION.sub(r"\1", " ".join(str(value).split()))
    return LONG_NUMBER.sub(lambda number: f"{float(number.group()):.4g}", text)
