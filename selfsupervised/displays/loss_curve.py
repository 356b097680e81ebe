# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How the training of a network went."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from selfsupervised.core.types import ArrayLike, Estimator
from selfsupervised.displays.canvas import axes_for

LABELS = {"train_loss": "training", "held_out_loss": "held out"}


class LossCurveDisplay:
    """Losses of a network over the steps of its training.

    Made by `from_estimator`. A held-out loss that rises again says that a network learned noise;
    one that still falls at the end, that more steps would help.

    Parameters
    ----------
    loss_curve : dict of ndarray
        Columns ``"step"``, ``"train_loss"`` and ``"held_out_loss"``, as in the `loss_curve_` of an
        estimator.
    name : str, default=None
        What stands before the names of the losses.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        What was drawn on.
    figure_ : matplotlib.figure.Figure
        Its figure.
    lines_ : list of matplotlib.lines.Line2D
        The training loss, and the held-out loss if there is one.

    See Also
    --------
    CalibrationDisplay : Losses against a parameter, not against steps.
    DenoisingDisplay : The images themselves.

    Examples
    --------
    >>> from selfsupervised import LossCurveDisplay
    >>> curve = {"step": [40, 80], "train_loss": [1.2, 0.9], "held_out_loss": [1.1, 0.8]}
    >>> LossCurveDisplay(curve).plot().ax_.get_xlabel()
    'step'
    """

    ax_: Any
    figure_: Any
    lines_: Any

    def __init__(self, loss_curve: Mapping[str, ArrayLike], *, name: str | None = None) -> None:
        self.loss_curve = loss_curve
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Estimator, *, name: str | None = None, ax: Any = None, **line_kwargs: Any
    ) -> Self:
        """Draw how the training of an estimator went.

        Parameters
        ----------
        estimator : estimator
            A fitted network, with a `loss_curve_`; a search, or an `AutoDenoiser`, that chose one.
        name : str, default=None
            What stands before the names of the losses.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.
        **line_kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        LossCurveDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no `loss_curve_`.
        """
        check_is_fitted(estimator)
        network = _network_in(estimator)
        return cls(network.loss_curve_, name=name).plot(ax, **line_kwargs)

    def plot(self, ax: Any = None, **line_kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.
        **line_kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        LossCurveDisplay
            This one, with `ax_`, `figure_` and `lines_`.
        """
        (self.ax_,) = axes_for(ax, 1, caller="LossCurveDisplay")
        self.figure_ = self.ax_.figure
        before = "" if self.name is None else f"{self.name}, "
        curve, self.lines_ = self.loss_curve, []
        for column, label in LABELS.items():
            if not np.isnan(curve[column]).all():
                style = {"label": before + label, **line_kwargs}
                self.lines_ += self.ax_.plot(curve["step"], curve[column], **style)
        self.ax_.set(xlabel="step", ylabel="loss")
        self.ax_.legend(frameon=False)
        return self


def _network_in(estimator):
    """What has a `loss_curve_`: the estimator, or what it chose."""
    for name in ("", "denoiser_", "best_estimator_", "estimator_"):
        inner = getattr(estimator, name, None) if name else estimator
        if hasattr(inner, "loss_curve_"):
            return inner
    raise TypeError(
        f"LossCurveDisplay expected a network with a loss_curve_, got {estimator!r}, which learns "
        f"in no steps."
    )
