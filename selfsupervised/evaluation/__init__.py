# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What an estimator says of what it did not see: pairs, losses, scores, and when to doubt them."""
