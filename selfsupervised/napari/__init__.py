# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The plugin of napari."""
