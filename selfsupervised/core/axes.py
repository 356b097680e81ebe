# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Axes by their names: which of them span one image, which hold its colours, which count images.

``"TZCYX"`` is a time-lapse of volumes in several channels. Over ``"ZYX"`` it holds an image for
each time and channel::

    T Z C Y X   over ZYX   ->   (T C) images of Z Y X
    Y X S       over YX    ->   one image of Y X, with colours S
    T Y X       over TYX   ->   one image of T Y X

X, Y and Z are places. S are the samples of a colour, and always go together. C are channels that
were measured one by one, as in fluorescence: each is an image of its own, unless `over` says
otherwise. All others, T among them, count images, unless `over` names them.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np

PLACES, COLOURS, CHANNELS = "ZYX", "S", "C"


@dataclass(frozen=True)
class Axes:
    """Where in an array its images are; made by `parse_axes`.

    Parameters
    ----------
    names : str
        A letter for each axis of the array.
    spatial, batch : tuple of int
        Axes that span one image, and those that count images.
    channel : int or None
        The axis of the colours of one image.
    """

    names: str
    spatial: tuple
    batch: tuple
    channel: int | None

    @property
    def over(self):
        """The letters that one image spans, colours last."""
        return self._letters(self.image_axes)

    @property
    def counted(self):
        """The letters that count images."""
        return self._letters(self.batch)

    @property
    def image_axes(self):
        """The axes that one image spans, colours last."""
        return self.spatial if self.channel is None else (*self.spatial, self.channel)

    def _letters(self, axes):
        return "".join(self.names[axis] for axis in axes)

    def check(self, shape, *, caller):
        """Raise if an array of this shape has not these axes.

        Parameters
        ----------
        shape : tuple of int
        caller : str
            Who asks, for messages.

        Raises
        ------
        ValueError
            If it has more or fewer, or one image would span more than three.
        """
        if len(shape) != len(self.names):
            raise ValueError(
                f"{caller} got axes={self.names!r}, which are {len(self.names)}, for an image of "
                f"shape {tuple(shape)}, which has {len(shape)}; give a letter for each axis."
            )
        thick = [axis for axis in self.spatial if shape[axis] > 1]
        if len(thick) > 3:
            raise ValueError(
                f"{caller} expected an image of 2 or 3 spatial axes, got {self._sizes(shape)} with "
                f"over={self.over!r}, which are {len(thick)}; leave one out of over."
            )

    def n_images(self, shape):
        """How many images an array of this shape holds."""
        return prod(shape[axis] for axis in self.batch)

    def to_images(self, array):
        """A view of shape (*counted, *spatial) or (*counted, *spatial, channels)."""
        return np.transpose(array, (*self.batch, *self.image_axes))

    def back(self, images):
        """The view that `to_images` undoes."""
        return np.transpose(images, np.argsort((*self.batch, *self.image_axes)))

    def image_at(self, array, index, part=None):
        """One image, as one of `to_images`, of an array that may be in a file.

        Parameters
        ----------
        array : array
        index : tuple of int
            Along the axes that count images.
        part : tuple of slice, default=None
            Which part of the image, along its spatial axes; all of it by default.

        Returns
        -------
        ndarray
        """
        image = np.asanyarray(array[self._selection(index, part)])
        return image if self.channel is None else np.moveaxis(image, self._channel_in_image, -1)

    def put(self, array, index, image, part=None):
        """Write one image, or a part of it, to its place in an array that may be in a file."""
        if self.channel is not None:
            image = np.moveaxis(image, -1, self._channel_in_image)
        array[self._selection(index, part)] = image

    def _selection(self, index, part=None):
        selection: list = [slice(None)] * len(self.names)
        chosen = [(self.batch, index), (self.spatial, part or [slice(None)] * len(self.spatial))]
        for axes, places in chosen:
            for axis, at in zip(axes, places, strict=True):
                selection[axis] = at
        return tuple(selection)

    @property
    def _channel_in_image(self):
        """Where the colours are once axes that count images are taken out."""
        return sorted(self.image_axes).index(self.channel)

    def name_of(self, index):
        """Which image one is, such as "T 3, C 0"; empty if there is but one axis less."""
        return ", ".join(f"{letter} {n}" for letter, n in zip(self.counted, index, strict=True))

    def _sizes(self, shape):
        return " × ".join(f"{name} {size}" for name, size in zip(self.names, shape, strict=True))

    def describe(self, shape):
        """What an array of this shape holds, in words."""
        n = self.n_images(shape)
        kind = " in colour" if self.channel is not None else ""
        what = f"{n} images" if n > 1 else "one image"
        each = f", one for each {' and '.join(self.counted)}," if n > 1 else ""
        return f"{self._sizes(shape)}: {what}{each} over {self._letters(self.spatial)}{kind}"


@lru_cache(maxsize=256)
def parse_axes(names, over=None):
    """Read names of axes, and which of them one image spans.

    Parameters
    ----------
    names : str
        A letter for each axis, in the order of the array; lower case is as good.
    over : str, default=None
        The letters that one image spans. By default those of X, Y and Z that there are. S need
        not be named.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError, ValueError
        If letters are no letters, come twice, are not there, or span no image.

    Examples
    --------
    >>> parse_axes("TZCYX").over, parse_axes("TZCYX").counted
    ('ZYX', 'TC')
    """
    said = _letters(names, "axes")
    wanted = _letters(over, "over") if over is not None else "".join(set(said) & set(PLACES))
    absent = sorted(set(wanted) - set(said))
    if absent:
        raise ValueError(
            f"over={over!r} names {', '.join(absent)}, which axes={names!r} have not; name some of "
            f"{', '.join(said)}."
        )
    colours = [n for n, letter in enumerate(said) if letter == COLOURS]
    channels = [n for n, letter in enumerate(said) if letter == CHANNELS and letter in wanted]
    if colours and channels:
        raise ValueError(
            f"over={over!r} names C, where axes={names!r} have the colours S already; leave out C."
        )
    spatial = tuple(n for n, x in enumerate(said) if x in wanted and x not in COLOURS + CHANNELS)
    if len(spatial) < 2:
        default = "" if over is not None else " X, Y and Z are spatial unless over says otherwise."
        raise ValueError(
            f"An image spans 2 or 3 axes, got {len(spatial)} with axes={names!r} and over={over!r}"
            f"; name them, such as over={said[-2:]!r}.{default}"
        )
    channel = next(iter(colours + channels), None)
    batch = tuple(n for n in range(len(said)) if n not in spatial and n != channel)
    return Axes(said, spatial, batch, channel)


def _letters(text, name):
    if not isinstance(text, str):
        raise TypeError(f"Expected {name} to be letters, such as 'TZCYX', got {text!r}.")
    letters = text.upper()
    twice = sorted({letter for letter in letters if letters.count(letter) > 1})
    if not letters.isalpha() or twice:
        what = f"{', '.join(twice)} more than once" if twice else repr(text)
        raise ValueError(f"Expected {name} to be different letters, such as 'TZCYX', got {what}.")
    return letters
