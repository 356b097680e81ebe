# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the noise of one image is: level, line over the signal, outliers, correlation."""
