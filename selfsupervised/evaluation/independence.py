# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Whether what is judged is independent of what is seen, as the score assumes."""

from hashlib import blake2b

from selfsupervised.core.warning import warn_user
from selfsupervised.noise.correlation import correlated_noise, some_images
from selfsupervised.partitions import PixelPartition

MAX_KNOWN = 16  # data whose verdict is remembered

# Every candidate of a search is judged on the same data: they are measured for the first only.
# To each key the verdict, and the warnings that were given.
_known: dict = {}


class CorrelatedNoiseWarning(UserWarning):
    """The noise of neighbouring pixels looks correlated, and the score may be misled.

    Given when images are first judged by pixels; not again for the same images while the process
    remembers them.
    """


def _recalled(X, channel_axis):
    """`correlated_noise` of `X`, of which a sample of the values tells whether it is known."""
    samples = [image.reshape(-1)[:: max(1, image.size >> 10)] for image in some_images(X)]
    shapes = repr(([image.shape for image in X], channel_axis))
    key = blake2b(b"".join(part.tobytes() for part in samples) + shapes.encode()).digest()
    found = _known.get(key)
    if found is None:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        found = _known[key] = correlated_noise(X, channel_axis=channel_axis), set()
    return found


def warn_if_correlated(X, partition=None, *, channel_axis=None, once=False):
    """Warn if noise looks correlated between pixels that `partition` does not hide together.

    The same data are measured once, however often they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
        Noisy images as floats; a single image as ``image[None]``.
    partition : PixelPartition, default=None
        What the images are judged by. Partitions of anything but pixels are never warned of,
        None stands for one that hides no neighbours.
    channel_axis : {None, -1}, default=None
        Whether the last axis holds channels.
    once : bool, default=False
        Whether to be silent if this was said of these data before. Python's own filter cannot
        tell: scikit-learn's searches make it forget with every candidate.

    Warns
    -----
    CorrelatedNoiseWarning
        With what was measured and what to pass.
    """
    if not (partition is None or isinstance(partition, PixelPartition)):
        return
    verdict, said = _recalled(X, channel_axis)
    axes = [axis for axis, found in enumerate(verdict.correlated) if found]
    if partition is not None:
        shape = X[0].shape
        axes = [a for a in axes if not partition.hides_along(a, shape, channel_axis=channel_axis)]
    if not axes:
        return
    names = ("depth", "columns", "rows")[-len(verdict.correlated) :]
    found = ", ".join(f"{verdict.lags[axis, 0]:.2f} along {names[axis]}" for axis in axes[::-1])
    message = (
        f"The noise of neighbouring pixels looks correlated ({found}). The self-supervised score "
        f"assumes that it is independent and will prefer too weak a denoiser: pass "
        f"partition=PixelGrid(footprint={verdict.footprint!r}), which hides neighbours too. (A "
        f"picture without noise looks the same.)"
    )
    if not (once and message in said):
        said.add(message)
        warn_user(message, CorrelatedNoiseWarning)
