# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether neighbouring pixels share noise, as after demosaicking, JPEG, resampling or optics.

Such noise and fine texture look alike, and no single sign tells them apart. Together these do, on
the images on which they were measured:

- noise is as strong in all flat blocks, while texture is weak in some of them;
- noise has no more power at low frequencies than at middle ones, while what is shown has;
- noise is no weaker in the quietest few blocks than in the quiet ones, while texture is;
- noise is left in the differences of blocks that show the same, while structure cancels;
- noise of a constant level is as strong at all brightnesses, while texture is not;
- blur that correlates neighbours leaves less at the highest frequencies, while a texture with white
  noise on it does not;
- what cameras have smoothed has next to no power at the highest frequencies.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import kurtosis

from selfsupervised.core.types import Array
from selfsupervised.noise.spectrum import (
    BLOCK_EDGE_PIXELS,
    FIRST_NOISE_FREQUENCY,
    autocovariance_of,
    bands,
    cosines_by_brightness,
    faded,
    is_steady,
    power_of_flattest,
    power_of_quietest,
    strength_ratio,
)

# White noise leaves many places flat but for its level, and differences of blocks uncorrelated.
MAX_FLAT_SHARE, MIN_SIMILAR_CORRELATION = 0.1, 0.1
# Strong noise: its level over that of the white part, the quietest tenth of blocks over the
# quietest three tenths, and low frequencies over middle ones, more where blocks are surely alike.
MIN_LEVEL_RATIO, MIN_CORRELATION, MIN_EVENNESS, MAX_LOW_RATIO = 1.5, 0.2, 0.65, 1.9
SURE_EVENNESS, MAX_LOW_RATIO_IF_SURE = 0.7, 3.7
SURE_SIMILAR_CORRELATION, SURE_ALONG_ONE_AXIS, MAX_ALONG_OTHER = 0.48, 0.62, 0.25
HIGH_EVENNESS, MAX_LOW_RATIO_IF_EVEN = 0.86, 3.0
# Noise that is as strong at all brightnesses needs less of the other signs.
MIN_EVENNESS_IF_STEADY, MAX_LOW_RATIO_IF_STEADY, MAX_CORRELATION_IF_STEADY = 0.4, 4.5, 0.82
# Any noise has a white part; what has none was drawn or made smaller. And what is most of an image
# and shared far is its texture.
MAX_RATIO_TO_WHITE, MAX_SHARE_OF_IMAGE, MAX_CORRELATION_IF_MOST = 300.0, 0.85, 0.7
MIN_KURTOSIS = 2.0  # of what noise is most of; of normal noise it is 3, of two values 1
# What is as even as noise alone at every brightness, and not shared far, has no more power at low
# frequencies; else it is a random texture, as of clouds.
EVENNESS_OF_NOISE, MAX_LOW_RATIO_OF_NOISE, MAX_NEAR_CORRELATION = 0.87, 2.2, 0.6
# Blur by which neighbours are correlated so much along both axes leaves so little in the highest
# frequencies, middle ones over those; where there is more, a texture has white noise on it.
CORRELATIONS = 0.24, 0.38, 0.47, 0.52, 0.56, 0.62, 0.75
MIDDLE_TO_HIGHEST = 2.0, 3.8, 6.0, 8.0, 11.0, 14.0, 24.0
MIN_OTHER_CORRELATION = 0.5  # of that along the other axis, for a blur along both
# The level by the quietest blocks, so few of them, over that by more: texture is weaker there. And
# strong noise differs by less than this ratio from one brightness to another.
QUIETEST_SHARE, MIN_QUIETEST_RATIO, MAX_STRONG_STRENGTH_RATIO = 0.03, 0.9, 5.0
# What has clearly nothing of that is surely noise, whatever low frequencies it is seen with.
SURE_QUIETEST_RATIO, SURE_EVENNESS_OF_QUIETEST, MAX_SURE_STRENGTH_RATIO = 0.97, 0.75, 2.0
# Weak noise that was smoothed: middle frequencies over the highest, and how strong it may be, in
# shares of the range of the image; the more, the more surely it was smoothed. And the white part
# over all, the other signs, and its correlation along one axis over that along the other.
SMOOTHED_RATIOS, LEVEL_SHARES, MAX_WHITE_SHARE = (15.5, 33.0), (0.02, 0.03), 0.15
MIN_SMOOTHED_EVENNESS, MIN_SMOOTHED_OTHER_CORRELATION = 0.36, 0.7
# More, and it is the image that was made smaller or is smooth.
SMOOTHED_SIMILAR_CORRELATIONS = 0.4, 0.62
# Larger blocks see lower frequencies, and more structure. Of steady noise they are believed from
# the first evenness of those on, which noise has in all blocks alike, and in full from the second
# on; of other noise, up to the first ratio of levels, and not beyond the second.
LARGE_BLOCK_EDGE_PIXELS, MAX_LARGE_BLOCKS = 32, 5_000
LARGE_EVENNESS, LARGE_LEVEL_RATIOS = (0.7, 0.75), (1.15, 1.3)
FIRST_LARGE_FREQUENCY, LAST_LARGE_FREQUENCY = 3, 7
QUIETEST, QUIET = 0.1, 0.3
MIN_SHARED_EDGE_PIXELS = 256  # smaller images hold too few blocks to tell


class SharedNoise(NamedTuple):
    """Noise that neighbours share.

    Parameters
    ----------
    autocovariance : ndarray of odd sizes
        In squared units of the image, lag 0 at the centre.
    steady : bool
        Whether it is as strong at all brightnesses.
    """

    autocovariance: Array
    steady: bool


class _Signs(NamedTuple):
    """What tells noise from texture.

    Parameters
    ----------
    level, white_level : float
        In the flattest blocks, of all and of its white part.
    lags, similar : ndarray of shape (2,)
        Correlation at one pixel along both axes, in the flattest blocks and of what similar blocks
        differ by.
    evenness, least_evenness : float
        See `_evenness`, of a typical brightness and of the least even.
    low, middle, highest : float
        Power at such frequencies.
    steady : bool
        Whether it is as strong at all brightnesses.
    quietest_ratio : float
        Level by the quietest few blocks over that by more.
    strength_ratio : float
        Where it is strongest over where it is weakest, by brightness.
    """

    level: float
    white_level: float
    lags: Array
    similar: Array
    evenness: float
    least_evenness: float
    low: float
    middle: float
    highest: float
    steady: bool
    quietest_ratio: float
    strength_ratio: float

    @classmethod
    def of(cls, cosines, flattest, quietest, steady, white_level, similar):
        """Of blocks by brightness, and the power of the flattest and the quietest of them."""
        autocovariance = autocovariance_of(flattest)
        few = autocovariance_of(_powers_of_quietest(cosines, flattest, QUIETEST_SHARE)).max()
        more = autocovariance_of(quietest).max()
        each = [_evenness(part) for part in cosines]
        low, middle, highest = bands(flattest)
        return cls(
            np.sqrt(autocovariance.max()),
            white_level,
            _lags(autocovariance),
            similar,
            float(np.median(each)),
            min(each),
            low,
            middle,
            highest,
            steady,
            np.sqrt(max(few, 0.0) / more) if more > 0 else 0.0,
            strength_ratio(quietest),
        )

    @property
    def correlation(self):
        """Of neighbours along the axis along which they share more."""
        return max(self.lags)

    @property
    def level_is_possible(self):
        """Whether neighbours share enough, and there is a white part, as of any noise."""
        some_white = self.level < MAX_RATIO_TO_WHITE * self.white_level
        return bool(self.correlation > MIN_CORRELATION and some_white)

    @property
    def tell_texture(self):
        """A texture with white noise on it, or one that is even, as clouds are."""
        along_both = min(self.lags) > MIN_OTHER_CORRELATION * self.correlation
        least = np.interp(self.correlation, CORRELATIONS, MIDDLE_TO_HIGHEST)
        alone = self.least_evenness > EVENNESS_OF_NOISE and self.correlation < MAX_NEAR_CORRELATION
        return (along_both and self.middle < least * self.highest) or (
            alone and self.low > MAX_LOW_RATIO_OF_NOISE * self.middle
        )

    @property
    def surely_even(self):
        """Whether it is as strong in the quietest few blocks, and nearly so at all brightnesses."""
        return (
            self.quietest_ratio > SURE_QUIETEST_RATIO
            and self.evenness > SURE_EVENNESS_OF_QUIETEST
            and self.strength_ratio < MAX_SURE_STRENGTH_RATIO
        )

    @property
    def _max_low_ratio(self):
        """Of low frequencies over middle ones, by how surely blocks are alike."""
        least, most = min(self.similar), max(self.similar)
        one_axis = most > SURE_ALONG_ONE_AXIS and least < MAX_ALONG_OTHER
        if (least > SURE_SIMILAR_CORRELATION or one_axis) and self.evenness > SURE_EVENNESS:
            return MAX_LOW_RATIO_IF_SURE
        return MAX_LOW_RATIO_IF_EVEN if self.evenness > HIGH_EVENNESS else MAX_LOW_RATIO

    @property
    def tell_strong_noise(self):
        """Noise that stands out from its white part."""
        most = MAX_LOW_RATIO_IF_SURE if self.surely_even else self._max_low_ratio
        usual = self.evenness > MIN_EVENNESS and self.low < most * self.middle
        steady = (
            self.steady
            and self.evenness > MIN_EVENNESS_IF_STEADY
            and self.low < MAX_LOW_RATIO_IF_STEADY * self.middle
            and self.correlation < MAX_CORRELATION_IF_STEADY
        )
        return (
            self.level > MIN_LEVEL_RATIO * self.white_level
            and (usual or steady)
            and self.quietest_ratio > MIN_QUIETEST_RATIO
            and self.strength_ratio < MAX_STRONG_STRENGTH_RATIO
        )

    def tell_smoothed(self, value_range):
        """Weak noise of a camera that smooths."""
        if not self.middle > SMOOTHED_RATIOS[0] * self.highest:
            return False
        surely = self.middle > SMOOTHED_RATIOS[1] * self.highest
        least, most = SMOOTHED_SIMILAR_CORRELATIONS
        return (
            self.level < LEVEL_SHARES[int(surely)] * value_range
            and self.white_level < MAX_WHITE_SHARE * self.level
            and least < min(self.similar) < most
            and self.evenness > MIN_SMOOTHED_EVENNESS
            and min(self.lags) > MIN_SMOOTHED_OTHER_CORRELATION * self.correlation
        )


def shared_noise(channel, flat, similar, sure=False):
    """Noise that neighbours share, if they share any.

    Parameters
    ----------
    channel : ndarray of 2 axes
        Float image without NaN.
    flat : FlatLevel
        Level of white noise in its flat places.
    similar : SimilarBlocks
        What its blocks that are alike differ by.
    sure : bool, default=False
        Whether it is known from elsewhere, other channels say, that they do.

    Returns
    -------
    SharedNoise or None
        None if they share none, or nobody can tell.
    """
    edge = BLOCK_EDGE_PIXELS[2]
    if channel.ndim != 2 or min(channel.shape) < MIN_SHARED_EDGE_PIXELS:
        return None
    if not sure and flat.share >= MAX_FLAT_SHARE:
        return None
    if not sure and not np.nanmax(similar.correlation, initial=0.0) > MIN_SIMILAR_CORRELATION:
        return None
    cosines = cosines_by_brightness(channel, edge)
    flattest = [power_of_flattest(part) for part in cosines]
    quietest = _powers_of_quietest(cosines, flattest)
    steady = is_steady(quietest)
    if not sure:
        signs = _Signs.of(cosines, flattest, quietest, steady, flat.level, similar.correlation)
        believed = signs.level_is_possible and not signs.tell_texture
        if not (believed and (signs.tell_strong_noise or signs.tell_smoothed(np.ptp(channel)))):
            return None
    found = autocovariance_of(quietest if steady else flattest)
    large = cosines_by_brightness(channel, LARGE_BLOCK_EDGE_PIXELS, MAX_LARGE_BLOCKS)
    powers = [power_of_flattest(part) for part in large]
    larger = autocovariance_of(_powers_of_quietest(large, powers) if steady else powers)
    if not found.max() > 0 or (not sure and any(_is_surface(channel, a) for a in (found, larger))):
        return None
    return SharedNoise(_of_both(found, larger, large if steady else None), steady)


def _powers_of_quietest(cosines, flattest, *share):
    """At each brightness."""
    pairs = zip(cosines, flattest, strict=True)
    return [power_of_quietest(part, power, *share) for part, power in pairs]


def _of_both(found, larger, large):
    """From blocks of both sizes; `large` are the cosines of the larger ones, of steady noise."""
    if large is None:
        ratio = np.sqrt(larger.max() / found.max())
        share = np.interp(ratio, LARGE_LEVEL_RATIOS, (1.0, 0.0))
    else:
        band = FIRST_LARGE_FREQUENCY, LAST_LARGE_FREQUENCY
        evenness = np.median([_evenness(part, *band) for part in large])
        share = np.interp(evenness, LARGE_EVENNESS, (0.0, 1.0))
    if share == 0:
        return faded(found)
    beyond = (len(larger) - len(found)) // 2
    return share * faded(larger) + (1 - share) * np.pad(faded(found), beyond)


def _lags(autocovariance):
    """Correlation at one pixel along both axes."""
    centre = autocovariance.shape[0] // 2
    neighbours = autocovariance[centre + 1, centre], autocovariance[centre, centre + 1]
    return np.array(neighbours) / autocovariance.max()


def _is_surface(channel, autocovariance):
    """Whether it is most of the image, and shared far or of few values: a rough surface, a code."""
    if autocovariance.max() <= MAX_SHARE_OF_IMAGE * channel.var():
        return False
    return max(_lags(autocovariance)) > MAX_CORRELATION_IF_MOST or of_few_values(channel)


def of_few_values(channel):
    """Whether the values are about two, but for noise, as those of a code or a mask are."""
    return bool(kurtosis(channel, axis=None, fisher=False) < MIN_KURTOSIS)


def _evenness(cosines, first=FIRST_NOISE_FREQUENCY, last=np.inf):
    """Power of the quietest blocks over that of quiet ones; near 1 for noise alone."""
    total = np.indices(cosines.shape[1:]).sum(axis=0)
    power = np.square(cosines[:, (total >= first) & (total <= last)]).sum(axis=1)
    quietest, quiet = np.quantile(power, (QUIETEST, QUIET))
    return quietest / quiet if quiet > 0 else 0.0
