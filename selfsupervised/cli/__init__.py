# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The command line."""

from selfsupervised.cli.commands import main

__all__ = ["main"]
