# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Benchmarks: ``python -m benchmarks.NAME [--quick]`` prints tables and, last, one JSON line."""
