# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What every denoiser must keep, as checks for ours and for other people's."""

from selfsupervised.estimator_checks.battery import check_denoiser, yield_denoiser_checks
from selfsupervised.estimator_checks.rows_as_images import RowsAsImages

__all__ = ["RowsAsImages", "check_denoiser", "yield_denoiser_checks"]
