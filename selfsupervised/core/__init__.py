# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The ground: the door through which data come, files, seeds, scikit-learn's private parts."""
