# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Front doors of files."""
