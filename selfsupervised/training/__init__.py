# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""From images and networks to trained denoisers, and from those to images of any size."""
