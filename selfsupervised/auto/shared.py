# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""For noise that neighbours share: whitened, and taken from pixels that lie apart, and combined.

The first keeps detail where the spectrum of the noise is known well; the second does not need to
know it, and suits images that are smoother than their pixels, as those of most cameras and
microscopes are.
"""

import numpy as np

from selfsupervised.auto.candidates import nothing
from selfsupervised.auto.choose import gain
from selfsupervised.auto.crops import sample
from selfsupervised.auto.threads import in_all_threads
from selfsupervised.classical import NLRidgeDenoiser
from selfsupervised.noise.model import ImageNoise
from selfsupervised.wrappers.noise_whitener import NoiseWhitener
from selfsupervised.wrappers.stacking import StackingDenoiser
from selfsupervised.wrappers.subsampled import SubsampledDenoiser

# Along axes where neighbours share less, pixels need not lie apart.
MIN_CORRELATION, STRIDE_PIXELS, SMOOTHING_PIXELS = 0.1, 3, 0.7
# What is known of the noise is not exact, so that half of the weights are equal, unless it is as
# strong at all brightnesses. Recorruption draws Gaussian noise; that of cameras and microscopes,
# which is blurred along both axes as their images are, has heavy tails once it is whitened, which
# the first of them leaves: half of the weights are those that were best on such images then.
SHRINKAGE, PRIOR_IF_BLURRED, MIN_CORRELATION_IF_BLURRED = 0.5, (0.2, 0.8), 0.4
MIN_GAIN_DB = 0.3
# Weak noise, in shares of the range of the image, that is not as strong at all brightnesses may be
# texture in part: so much less of it is taken out as it may be weaker.
MAX_WEAK_SHARE = 0.03


def members(channel):
    """The denoisers that are combined, by name.

    Parameters
    ----------
    channel : ChannelNoise
        With an autocovariance.

    Returns
    -------
    list of (str, estimator)
    """
    whitened = NoiseWhitener(NLRidgeDenoiser(1.0), autocovariance=channel.autocovariance)
    stride = tuple(STRIDE_PIXELS if lag > MIN_CORRELATION else 1 for lag in channel.correlation)
    told = NLRidgeDenoiser(channel.level)
    apart = SubsampledDenoiser(told, stride=stride, smoothing=SMOOTHING_PIXELS)
    return [("whitened", whitened), ("apart", apart)]


def is_blurred(noise):
    """Whether some channel's noise is blurred along all axes.

    Parameters
    ----------
    noise : ImageNoise

    Returns
    -------
    bool
    """
    return any(min(each.correlation) > MIN_CORRELATION_IF_BLURRED for each in noise.channels)


def for_shared_noise(plane, channel, noise, seed):
    """The fitted combination of denoisers for a plane, and how much of it to take.

    Parameters
    ----------
    plane : ndarray of 2 axes
        Floats; NaN means "not measured".
    channel : ChannelNoise
        Its noise; with a level of zero nothing is done.
    noise : ImageNoise
        That of all channels of the image.
    seed : int

    Returns
    -------
    denoiser : estimator
    share : float
        How much of its output is to be taken, and of the plane the rest: 0 if its estimated error
        is not clearly less than that of doing nothing.
    """
    if not channel.level:
        return nothing(None).fit(plane[None]), 0.0
    steady = all(each.steady for each in noise.channels)
    stack = StackingDenoiser(
        members(channel),
        noise=ImageNoise((channel,)),
        shrinkage=0.0 if steady else SHRINKAGE,
        prior=PRIOR_IF_BLURRED if is_blurred(noise) and not steady else None,
        passthrough=False,
        random_state=seed,
    )
    (stack,) = in_all_threads([stack])
    # The first and the last crop, those of opposite parts, are enough for two weights.
    crops = sample(plane, None)
    stack.fit(crops[:: max(len(crops) - 1, 1)])
    *_, combined, asis = stack.risks_
    weak = channel.level < MAX_WEAK_SHARE * (np.nanmax(plane) - np.nanmin(plane))
    share = channel.low / channel.level if weak and not steady else 1.0
    return stack, share if gain(combined, asis) > MIN_GAIN_DB else 0.0


def shared_in_words(channel, denoiser, share):
    """What the noise is and what was done.

    Parameters
    ----------
    channel : ChannelNoise
    denoiser : estimator
    share : float
        Of the denoised image; 0 if the image is returned as it was.

    Returns
    -------
    str
        A line for each.
    """
    noise = channel.describe()
    if share == 0:
        why = "there is no noise to remove"
        if channel.level:
            why = "nothing that was tried is sure to improve it"
        return f"{noise}\nchosen: the image as it is; {why}"
    *each, combined, asis = denoiser.risks_
    names = [name for name, _ in denoiser.estimators]
    pairs = zip(denoiser.weights_, names, strict=True)
    weights = ", ".join(f"{weight:.0%} {name}" for weight, name in pairs)
    why = (
        f"{noise}\nchosen: denoisers for noise that neighbours share, combined ({weights}): "
        f"estimated error {combined:.6g} against {min(each):.6g} of the best of them and "
        f"{asis:.6g} of the image as it is"
    )
    if share == 1:
        return why
    rest = f"{1 - share:.0%} as it was; such weak noise may be texture"
    return f"{why}\nmixed: {share:.0%} denoised, {rest}"
