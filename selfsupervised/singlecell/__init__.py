# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Counts in an AnnData, after the conventions of scanpy; the only importers of anndata."""

from selfsupervised.singlecell import pl, pp

__all__ = ["pl", "pp"]
