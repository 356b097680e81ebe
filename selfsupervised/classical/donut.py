# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Filters that can leave out the pixel itself in one pass (Noise2Self, Section 3, "donuts")."""

from typing import Any

import numpy as np

from selfsupervised.base import ImageDenoiser
from selfsupervised.core.types import Images
from selfsupervised.partitions.fill import fill_nan


class DonutDenoiser(ImageDenoiser):
    """Base of filters over the pixels that are there, with and without the centre.

    A subclass implements ``_filter(channel, donut)``: the filtered 2-D or 3-D channel, NaN
    where no measured pixel is within reach.
    """

    _sees_missing = True

    def transform_donut(self, X: Images) -> Any:
        """Filter without the pixel itself, in one pass.

        J-invariant for the partition into single pixels: each output equals that of
        `transform` for the image in which this one pixel is not measured. (Measured pixels
        without another one within reach are predicted from farther ones, half of them at a
        time.)

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images. NaN means "not measured".

        Returns
        -------
        ndarray or list of ndarray
            Shape and units of `X`; the same float dtype, float64 for integers.

        Raises
        ------
        ValueError
            If an image has a single measured pixel, so that nothing is to be seen from it.
        """
        return self._apply("_donut", X)

    def _denoise(self, image):
        return self._complete(self._by_channel(lambda c: self._filter(c, donut=False), image))

    def _donut(self, image):
        out = self._by_channel(lambda c: self._filter(c, donut=True), image)
        lonely = np.isnan(out) & ~np.isnan(image)
        # Their value must not come back through the outputs of their neighbours.
        pixels = np.argwhere(lonely.any(axis=-1) if self.channel_axis else lonely)
        for half in (pixels[::2], pixels[1::2]):
            if not len(half):
                continue
            at = tuple(half.T)
            unseen = image.copy()
            unseen[at] = np.nan
            if np.isnan(unseen).all():
                raise ValueError(
                    f"{type(self).__name__} found nothing to see beside the only measured pixels "
                    f"of an image of shape {image.shape}."
                )
            out[at] = self._denoise(unseen)[at]
        return self._complete(out)

    def _complete(self, out):
        """Where nothing was measured within reach, the results nearest to it stand in."""
        return fill_nan(out[None], channel_axis=self.channel_axis)[0]
