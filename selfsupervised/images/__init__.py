# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Denoisers of images that train a network, one paper a file, and what prepares images for them.

Nothing is imported here: `BayerPacker` needs no torch.
"""
