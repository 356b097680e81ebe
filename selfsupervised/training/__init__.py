# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The bridge from estimators to networks."""
