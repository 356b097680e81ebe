# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How candidates were judged: a loss against a parameter, or kind by kind."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import clone

from selfsupervised.core.types import ArrayLike, Estimator, Images
from selfsupervised.displays.canvas import axes_for
from selfsupervised.evaluation.scoring import SelfSupervisedScorer

MAX_LABEL_CHARACTERS = 48
MIN_LOG_RATIO = 10.0  # of the largest to the smallest value, from which on the axis is logarithmic


class CalibrationDisplay:
    """Losses without ground truth of denoisers that differ in strength, or in kind.

    Made by `from_estimator`. Where candidates differ in one number, the loss is drawn against it,
    otherwise candidates stand below each other.

    Parameters
    ----------
    values : array-like of shape (n_candidates,)
        Of the parameter; or the names of the candidates.
    losses : array-like of shape (n_candidates,)
        NaN for what was not judged.
    chosen : int, default=None
        Index of the candidate that was chosen. By default that of the least loss.
    spread : array-like of shape (n_candidates,), default=None
        Standard deviation of the losses between splits.
    param_name : str, default="candidate"
        What `values` are.
    loss_name : str, default="self-supervised loss"
        What `losses` are.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        What was drawn on.
    figure_ : matplotlib.figure.Figure
        Its figure.
    line_ : matplotlib.lines.Line2D
        The losses.

    See Also
    --------
    SelfSupervisedScorer : Where the losses come from.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import CalibrationDisplay, GaussianDenoiser
    >>> noisy = np.random.default_rng(0).normal(size=(1, 32, 32))
    >>> display = CalibrationDisplay.from_estimator(
    ...     GaussianDenoiser(), noisy, param_name="sigma", param_range=[0.5, 1, 2]
    ... )
    >>> display.ax_.get_xlabel()
    'sigma'
    """

    ax_: Any
    figure_: Any
    line_: Any

    def __init__(
        self,
        values: Sequence[Any],
        losses: ArrayLike,
        *,
        chosen: int | None = None,
        spread: ArrayLike | None = None,
        param_name: str | None = "candidate",
        loss_name: str = "self-supervised loss",
    ) -> None:
        self.values = values
        self.losses = losses
        self.chosen = chosen
        self.spread = spread
        self.param_name = param_name
        self.loss_name = loss_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Images | None = None,
        *,
        param_name: str | None = None,
        param_range: Sequence[Any] | None = None,
        scoring: Callable[..., float] | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> Self:
        """Draw what a search found, or judge an estimator for each value of a parameter.

        Parameters
        ----------
        estimator : fitted search, AutoDenoiser or estimator
            A search, such as `GridSearchCV`, that was fitted needs nothing else. Of an
            `AutoDenoiser` of one candidate there is nothing to draw.
        X : array-like of shape (n_images, *spatial) or (n_samples, n_features), default=None
            What an estimator that is no search is judged on.
        param_name : str, default=None
            Of the parameter that varies.
        param_range : array-like, default=None
            Its values.
        scoring : callable, default=None
            ``(estimator, X) -> score``, higher is better; a `SelfSupervisedScorer` by default.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.
        **line_kwargs
            For `matplotlib.axes.Axes.plot`.

        Returns
        -------
        CalibrationDisplay

        Raises
        ------
        ValueError
            If there is neither a fitted search nor data, a parameter and its values.
        """
        if hasattr(estimator, "cv_results_"):
            return _of_search(cls, estimator).plot(ax, **line_kwargs)
        if X is None or param_name is None or param_range is None:
            raise ValueError(
                f"CalibrationDisplay.from_estimator expected a fitted search, or X, param_name and "
                f"param_range for an estimator; got {estimator!r} without."
            )
        scoring = SelfSupervisedScorer() if scoring is None else scoring
        judged = (clone(estimator).set_params(**{param_name: value}) for value in param_range)
        losses = [-scoring(candidate.fit(X), X) for candidate in judged]
        return cls(list(param_range), losses, param_name=param_name).plot(ax, **line_kwargs)

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
        CalibrationDisplay
            This one, with `ax_`, `figure_` and `line_`.
        """
        (self.ax_,) = axes_for(ax, 1, caller="CalibrationDisplay")
        self.figure_ = self.ax_.figure
        losses = np.asarray(self.losses, dtype=float)
        if _are_numbers(self.values):
            self._against_numbers(losses, line_kwargs)
        else:
            self._by_name(losses, line_kwargs)
        return self

    def _chosen(self, losses):
        if self.chosen is not None or np.isnan(losses).all():
            return self.chosen
        return int(np.nanargmin(losses))

    def _against_numbers(self, losses, line_kwargs):
        values = np.asarray(self.values, dtype=float)
        order = np.argsort(values, kind="stable")
        style = {"marker": ".", "color": "black", **line_kwargs}
        (self.line_,) = self.ax_.plot(values[order], losses[order], **style)
        if self.spread is not None:
            spread = np.asarray(self.spread, dtype=float)
            low, high = losses - spread, losses + spread
            self.ax_.fill_between(values[order], low[order], high[order], color="0.85", lw=0)
        chosen = self._chosen(losses)
        if chosen is not None:
            name = f"chosen: {values[chosen]:.4g}"
            self.ax_.axvline(values[chosen], color="tab:red", linestyle="--", label=name)
            self.ax_.legend(frameon=False)
        if values.min() > 0 and values.max() >= MIN_LOG_RATIO * values.min():
            self.ax_.set_xscale("log")
        self.ax_.set(xlabel=self.param_name, ylabel=self.loss_name)

    def _by_name(self, losses, line_kwargs):
        order = np.argsort(losses)[::-1]  # the least loss on top, what was not judged at the bottom
        order = np.concatenate([order[np.isnan(losses[order])], order[~np.isnan(losses[order])]])
        places = np.arange(len(order))
        style = {"marker": "o", "linestyle": "none", "color": "black", **line_kwargs}
        (self.line_,) = self.ax_.plot(losses[order], places, **style)
        chosen = self._chosen(losses)
        if chosen is not None:
            place = int(np.flatnonzero(order == chosen)[0])
            self.ax_.axhspan(place - 0.4, place + 0.4, color="tab:red", alpha=0.15, lw=0)
        names = [_short(str(self.values[index])) for index in order]
        self.ax_.set_yticks(places, names)
        self.ax_.set_ylim(-0.5, len(order) - 0.5)
        self.ax_.set(xlabel=self.loss_name)


def _of_search(cls, search):
    results = search.cv_results_
    name, values = _what_varies([dict(params) for params in results["params"]])
    spread = results.get("std_test_score")
    if spread is not None and not np.nan_to_num(spread).any():
        spread = None  # of one split
    return cls(
        values,
        -np.asarray(results["mean_test_score"]),
        chosen=getattr(search, "best_index_", None),
        spread=spread,
        param_name=name,
        loss_name=getattr(search, "judged_by_", "self-supervised loss"),
    )


def _what_varies(candidates):
    """The one number in which candidates differ and its values, or their texts.

    Candidates are parameters of one estimator, which may be estimators, with parameters of theirs.
    """
    names = sorted(set().union(*candidates))
    columns = {name: [params.get(name) for params in candidates] for name in names}
    differing = [name for name, column in columns.items() if len(set(map(str, column))) > 1]
    if len(differing) == 1:
        (name,) = differing
        column = columns[name]
        if _are_numbers(column):
            return name.rpartition("__")[2], column
        if len({type(value) for value in column}) == 1 and hasattr(column[0], "get_params"):
            inner, values = _what_varies([value.get_params() for value in column])
            if _are_numbers(values):
                return inner, values
        return "candidate", [_in_a_line(value) for value in column]
    if differing:
        chosen = [{name: params.get(name) for name in differing} for params in candidates]
        return "candidate", [
            ", ".join(f"{name.rpartition('__')[2]}={_in_a_line(v)}" for name, v in params.items())
            for params in chosen
        ]
    return "candidate", [_in_a_line(list(params.values())) for params in candidates]


def _are_numbers(values):
    return all(isinstance(v, (Real, np.number)) and not isinstance(v, bool) for v in values)


def _in_a_line(value):
    return " ".join(str(value).split())


def _short(text):
    if len(text) <= MAX_LABEL_CHARACTERS:
        return text
    return text[: MAX_LABEL_CHARACTERS - 1] + "…"
