# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""One line from a noisy image to a denoised one: look, make candidates, choose, apply."""
