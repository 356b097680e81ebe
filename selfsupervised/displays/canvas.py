# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Where displays draw."""

import numpy as np

from selfsupervised.core.optional import optional

PANEL_INCHES = (4.0, 3.5)


def axes_for(ax, number, *, caller, width=None):
    """The axes to draw on: new ones, or those of the user.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes, or None
    number : int
        How many there must be.
    caller : str
        Who draws, for messages.
    width : float, default=None
        Of a new figure, in inches; by default that of so many panels.

    Returns
    -------
    ndarray of matplotlib.axes.Axes of shape (number,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are more or fewer.
    """
    pyplot = optional("matplotlib.pyplot", caller=caller, extra="plots")
    if ax is None:
        size = (width or PANEL_INCHES[0] * number, PANEL_INCHES[1])
        figure = pyplot.figure(figsize=size, layout="constrained")
        return figure.subplots(1, number, squeeze=False)[0]
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != number:
        raise ValueError(f"{caller} expected ax to be {number} axes, got {len(axes)}.")
    return axes
