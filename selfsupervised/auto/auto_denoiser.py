# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""The choice that `denoise` makes, as an estimator that goes on to other images."""

from collections.abc import Callable
from numbers import Integral
from typing import Any, Self, overload

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

import selfsupervised
from selfsupervised.auto.application import Application
from selfsupervised.auto.decide import LOSS, Decision, decide
from selfsupervised.auto.families import FAMILIES, NETWORKS
from selfsupervised.base import ImageDenoiser
from selfsupervised.core.optional import optional
from selfsupervised.core.progress import part
from selfsupervised.core.types import Array, Estimator, Images, RandomState, Stack
from selfsupervised.core.validation import is_finite_number
from selfsupervised.core.words import in_short
from selfsupervised.displays.calibration import CalibrationDisplay
from selfsupervised.evaluation.estimators import channel_axis_of, why_no_denoiser
from selfsupervised.wrappers.function import FunctionDenoiser


class AutoDenoiser(ImageDenoiser):
    """Chooses a denoiser on one noisy image, and applies it to that and to others like it.

    `fit` is the choice of `denoise`, and `transform` what `denoise` does then: isolated pixels and
    offsets of lines are looked for in each image; the denoiser, its strength and the noise are
    those that were found in `fit`. ``denoise(image, return_search=True)`` returns one of these.

    Parameters
    ----------
    method : str or estimator, default="auto"
        As in `denoise`. One candidate, such as "nl_ridge", a network or an estimator, needs no
        search: it is fitted, and that is all.
    channel_axis : int, default=None
        -1 if the last axis of each image holds channels, None if there are none.
    loss : {"mse", "mae", "poisson"} or callable, default="mse"
        What candidates are compared by.
    n_jobs : int, default=None
        Candidates computed at a time.
    random_state : int, RandomState, Generator or None, default=0
        Seed of what is random in the comparison, and of networks.
    budget_s : float, default=None
        Seconds that "auto" may take, about, in `fit`: a network is trained in what is left of
        them. See `denoise`.
    verbose : int, default=0
        0 prints nothing; from 1 on, each candidate with its loss and what was chosen are
        printed, and the training of a network shows how far it is.

    Attributes
    ----------
    denoiser_ : estimator
        What was chosen, fitted. Where channels are treated one by one, that of the first that has
        noise.
    application_ : callable
        From an image to the denoised image: `denoiser_`, and what is done before and after it.
    search_ : GridSearchCV or None
        What was compared; None if there was one candidate only.
    cv_results_ : dict
        Candidates, as ``params``, and their scores, as ``mean_test_score``, in the form of
        `GridSearchCV`: minus what `judged_by_` says, in (squared) units of the image. NaN for
        what was not judged.
    best_index_ : int
        Which of them was chosen. Other kinds must be clearly better than the one that was made
        for the noise, so that this is not always the largest score.
    best_score_ : float
        Its score.
    why_ : str
        What was chosen and why, in lines of words.
    judged_by_ : {"estimated error", "self-supervised loss"}
        Estimated mean squared error of what is applied, or the self-supervised loss.

    See Also
    --------
    denoise : For one bare image, of any dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import AutoDenoiser
    >>> frames = np.random.default_rng(0).normal(size=(2, 32, 32))
    >>> found = AutoDenoiser("gaussian").fit(frames[:1])
    >>> found
    <AutoDenoiser(method='gaussian'): GaussianDenoiser(sigma=4.0), of 7 candidates>
    >>> found.transform(frames).shape
    (2, 32, 32)
    """

    search_: Any
    best_index_: int
    best_score_: float
    judged_by_: Any
    why_: str

    _sees_missing = True
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        "method": "no_validation",  # by `checked_method`, in the words of `denoise`
        "loss": "no_validation",
        "n_jobs": [None, Integral],
        "random_state": ["random_state", np.random.Generator],
        "budget_s": "no_validation",
        "verbose": ["verbose"],
    }
    application_: Any
    denoiser_: Any
    cv_results_: dict[str, Any]

    def __init__(
        self,
        method: Estimator = "auto",
        *,
        channel_axis: int | None = None,
        loss: str | Callable[..., Any] = "mse",
        n_jobs: int | None = None,
        random_state: RandomState = 0,
        budget_s: float | None = None,
        verbose: int = 0,
    ) -> None:
        self.method = method
        self.channel_axis = channel_axis
        self.loss = loss
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.budget_s = budget_s
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def fit(self, X: Images, y: Any = None) -> Self:
        """Choose a denoiser.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images. Candidates are compared on the first; an estimator is fitted to all.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If `X` is no stack of images, or a parameter is out of range.
        """
        self._choose(self._check(X))
        return self

    @overload
    def fit_transform(self, X: list[Array], y: Any = None) -> list[Array]: ...
    @overload
    def fit_transform(self, X: Stack, y: Any = None) -> Array: ...
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Choose a denoiser and apply it; faster than `fit` and `transform` one after another.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images, as for `fit`.
        y : None
            Ignored.

        Returns
        -------
        ndarray or list of ndarray
            As of `transform`.
        """
        measured = self._check(X)
        n = len(measured.data) + 1
        with part(0, n, "looking at the noise"):
            first = self._choose(measured)
        rest = measured.data if first is None else measured.data[1:]
        outputs = []
        for number, image in enumerate(rest, start=n - len(rest)):
            with part(number, n, f"applying {in_short(self.denoiser_)}"):
                outputs.append(self.application_(image))
        outputs = outputs if first is None else [first, *outputs]
        pairs = zip(outputs, measured.data, strict=True)
        return measured.give_back([out.astype(image.dtype, copy=False) for out, image in pairs])

    @overload
    def transform(self, X: list[Array]) -> list[Array]: ...
    @overload
    def transform(self, X: Stack) -> Array: ...
    def transform(self, X: Any) -> Any:
        """Apply what was chosen.

        Parameters
        ----------
        X : array-like of shape (n_images, *spatial) or (n_images, *spatial, n_channels), or list
            Noisy images, with noise like that of the first in `fit`. NaN means "not measured" and
            is filled in.

        Returns
        -------
        ndarray or list of ndarray
            Shape and units of `X`; the same float dtype, float64 for integers.

        Raises
        ------
        ValueError, TypeError
            If `X` is no stack of images.
        """
        check_is_fitted(self)
        return super().transform(X)

    @property
    def best_estimator_(self) -> Any:
        """The winner as `search_` holds it, J-invariant or as it is applied."""
        check_is_fitted(self)
        if self.search_ is None:
            raise AttributeError("There was one candidate and no search: see denoiser_.")
        return self.search_.best_estimator_

    def summary(self) -> Any:
        """What was tried, the best first.

        Returns
        -------
        pandas.DataFrame
            A row for each candidate: `candidate`, its text; `error` or `loss`, see `judged_by_`,
            in (squared) units of the image, NaN if it was not judged; `seconds` it took; and
            whether it was `chosen`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        check_is_fitted(self)
        pandas = optional("pandas", caller="AutoDenoiser.summary", extra="notebook")
        results, n_tried = self.cv_results_, len(self.cv_results_["params"])
        columns = {
            "candidate": [in_short(params["estimator"]) for params in results["params"]],
            self.judged_by_.split()[-1]: -results["mean_test_score"],
            "seconds": results["mean_fit_time"] + results["mean_score_time"],
            "chosen": np.arange(n_tried) == self.best_index_,
        }
        table = pandas.DataFrame(columns)
        return table.sort_values(table.columns[1], kind="stable", ignore_index=True)

    def plot(self, ax: Any = None) -> CalibrationDisplay:
        """Draw how candidates were judged.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        CalibrationDisplay
            Its `ax_` and `figure_` are what was drawn on.
        """
        check_is_fitted(self)
        return CalibrationDisplay.from_estimator(self, ax=ax)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        text = super().__repr__(N_CHAR_MAX)
        if not hasattr(self, "denoiser_"):
            return text
        number = len(self.cv_results_["params"])
        among = f", of {number} candidates" if number > 1 else ""
        return f"<{in_short(text)}: {in_short(self.denoiser_)}{among}>"

    def _denoise(self, image):
        return self.application_(image)

    def _choose(self, measured):
        """Decide; the output for the first image, if it was computed on the way."""
        method = checked_method(self.method, self.channel_axis)
        budget = self.budget_s
        if budget is not None and not (is_finite_number(budget) and budget >= 0):
            raise ValueError(f"Expected budget_s to be seconds or None; got {budget!r}.")
        if isinstance(method, str) and method not in NETWORKS:
            names = ("budget_s", "loss", "n_jobs", "random_state", "verbose")
            options = {name: getattr(self, name) for name in names}
            decision = decide(method, measured.data[0], self.channel_axis, **options)
        else:
            denoiser = self._network(method) if isinstance(method, str) else method
            denoiser = denoiser.fit(measured.data)
            application = Application(denoiser, self.channel_axis)
            decision = Decision(application, None, denoiser, None, LOSS)
        self._record(decision)
        return decision.output

    def _network(self, method):
        network = getattr(selfsupervised, NETWORKS[method])
        return network(
            channel_axis=self.channel_axis, random_state=self.random_state, verbose=self.verbose
        )

    def _record(self, decision):
        self.application_, self.denoiser_ = decision.application, decision.denoiser
        self.search_, self.judged_by_ = decision.search, decision.judged_by
        self.why_ = decision.why or f"{in_short(decision.denoiser)}, with nothing to choose from"
        if self.search_ is None:
            columns = ("mean_test_score", "mean_fit_time", "mean_score_time")
            self.cv_results_ = dict.fromkeys(columns, np.array([np.nan]))
            self.cv_results_["params"] = [{"estimator": self.denoiser_}]
            self.best_index_, self.best_score_ = 0, np.nan
            return
        self.cv_results_ = self.search_.cv_results_
        self.best_index_, self.best_score_ = int(self.search_.best_index_), self.search_.best_score_


def already_fitted(denoiser):
    """An `AutoDenoiser` that applies a fitted denoiser, and fits nothing.

    Parameters
    ----------
    denoiser : estimator
        Fitted, such as a network that was loaded.

    Returns
    -------
    AutoDenoiser
    """
    axis = denoiser.channel_axis
    found = AutoDenoiser(denoiser, channel_axis=axis)
    found._record(Decision(Application(denoiser, axis), None, denoiser, None, LOSS))
    return found


def checked_method(method, channel_axis):
    """A name, or an estimator of its own that agrees about the channels of the image."""
    if isinstance(method, str):
        if method == "auto" or method in FAMILIES or method in NETWORKS:
            return method
        raise ValueError(_not_a_method(method))
    if why_no_denoiser(method):
        raise TypeError(_not_a_method(method))
    if not hasattr(method, "get_params"):
        return FunctionDenoiser(method, channel_axis=channel_axis)
    takes_channels = any("channel_axis" in name for name in method.get_params())
    if takes_channels and channel_axis_of(method) != channel_axis:
        raise ValueError(
            f"denoise() expected an estimator with channel_axis={channel_axis} for this image, got "
            f"{method!r}; set channel_axis on both, -1 on the estimator."
        )
    return clone(method)


def _not_a_method(method):
    return (
        f"denoise() expected method to be 'auto', one of {sorted([*FAMILIES, *NETWORKS])} or an "
        f"estimator; got {method!r}."
    )
