# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Plots in the manner of scikit-learn's displays; matplotlib is imported when one is drawn."""
