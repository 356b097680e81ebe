# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""From one image, and a method by name, to what is to be done to images like it."""

import time
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone

from selfsupervised.auto.application import Application, ByChannel
from selfsupervised.auto.blind import search as blind_search
from selfsupervised.auto.candidates import candidates, show_the_same
from selfsupervised.auto.choose import MIN_SHARE, choose
from selfsupervised.auto.crops import sample
from selfsupervised.auto.explain import in_words
from selfsupervised.auto.families import members, search_members
from selfsupervised.auto.level_again import measured_again
from selfsupervised.auto.look import look_at
from selfsupervised.auto.shared import for_shared_noise, shared_in_words
from selfsupervised.auto.threads import in_all_threads
from selfsupervised.auto.with_network import NOT_FOR_OTHER_NOISE, beside
from selfsupervised.classical import NLRidgeDenoiser
from selfsupervised.core.progress import part
from selfsupervised.core.seeds import as_seed
from selfsupervised.core.words import in_short
from selfsupervised.noise.model import ImageNoise
from selfsupervised.wrappers.function import FunctionDenoiser

LOSS, ERROR = "self-supervised loss", "estimated error"


class Decision(NamedTuple):
    """What is to be done, what it does to the image it was decided on, and why.

    Parameters
    ----------
    application : callable
        From an image to the denoised image.
    output : ndarray or None
        That of the image; None if it was not computed on the way.
    denoiser : estimator
        What was chosen, fitted; where channels differ, of the first that has noise.
    search : GridSearchCV or None
        What was compared; None if there was nothing to compare.
    judged_by : str
        What the scores of the search are minus of.
    why : str or None
        In lines of words; None where there was nothing to choose from.
    """

    application: Any
    output: Any
    denoiser: Any
    search: Any
    judged_by: str
    why: str | None = None


def decide(method, image, channel_axis, *, budget_s, **options):
    """The decision for a method by name: "auto" or a family.

    Parameters
    ----------
    method : str
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
        Floats; NaN means "not measured".
    channel_axis : {None, -1}
    budget_s : float or None
        For "auto".
    **options
        `loss`, `n_jobs`, `random_state` and `verbose` of `denoise`.

    Returns
    -------
    Decision
    """
    if method == "auto":
        return _auto(image, channel_axis, budget_s=budget_s, **options)
    tried = in_all_threads(members(method, image, channel_axis))
    if len(tried) == 1:
        denoiser = tried[0].fit(image[None])
        return Decision(Application(denoiser, channel_axis), None, denoiser, None, LOSS)
    search = search_members(tried, image, channel_axis, **options)
    return _of_search(search, image, channel_axis)


def _of_search(search, image, channel_axis, noise=None):
    denoiser = clone(search.best_estimator_.estimator).fit(image[None])
    known = noise is not None and isinstance(denoiser, NLRidgeDenoiser)
    bound = noise.as_strong_as(denoiser.sigma) if known else None
    application = Application(denoiser, channel_axis, noise=bound)
    return Decision(application, None, denoiser, search, LOSS, search.why_)


def _auto(image, channel_axis, *, loss, n_jobs, random_state, budget_s, verbose):
    start = time.monotonic()
    look = look_at(image, channel_axis)
    noise, known = look.noise, look.image
    options = {"n_jobs": n_jobs, "budget_s": budget_s, "verbose": verbose}
    if look.shared and not look.many_outliers and loss == "mse":
        decision = _shared(look, channel_axis, random_state=random_state, verbose=verbose)
        return _without_network(decision, budget_s)
    if look.many_outliers or look.correlated or loss != "mse":
        search = blind_search(image, channel_axis, loss=loss, random_state=random_state, **options)
        decision = _of_search(search, image, channel_axis, noise if look.correlated else None)
        return _without_network(decision, budget_s)
    if channel_axis is not None and not show_the_same(known, noise):
        return _each_channel(image, noise, loss=loss, random_state=random_state, **options)
    look = replace(look, noise=measured_again(known, noise, budget_s))
    noise = look.noise
    crops, tried = sample(known, channel_axis), in_all_threads(candidates(known, noise))
    seed = as_seed(random_state)
    with part(0, 2, "comparing candidates"):
        search, share = choose(crops, tried, noise, random_state=seed, **options)
    denoiser = clone(search.best_estimator_.estimator).fit(known[None])
    if isinstance(denoiser, FunctionDenoiser) or share < MIN_SHARE:
        share = 0.0
    why = in_words(look, search, share)
    if budget_s is not None:
        seconds = budget_s - (time.monotonic() - start)
        whole = share == 1 and not isinstance(denoiser, FunctionDenoiser)
        denoiser, told = beside(denoiser, known, noise, seconds, seed, verbose, whole)
        why = f"{why}\n{told}"
    if verbose:
        print(why)
    application = Application(denoiser, channel_axis, cleans=True, noise=noise, share=share)
    with part(1, 2, f"applying {in_short(denoiser)}"):
        output = application.after_cleaning(known)
    return Decision(application, output, denoiser, search, ERROR, why)


def _without_network(decision, budget_s):
    """The decision; if there was a budget for a network, with why none was trained."""
    if budget_s is None:
        return decision
    return decision._replace(why=f"{decision.why}\n{NOT_FOR_OTHER_NOISE}")


def _each_channel(image, noise, **options):
    """Each channel by itself."""
    if options["budget_s"] is not None:
        options["budget_s"] /= image.shape[-1]
    decisions = []
    for number, channel in enumerate(np.moveaxis(image, -1, 0)):
        with part(number, image.shape[-1]):
            decisions.append(_auto(channel, None, **options))
    return _joined(decisions, noise)


def _shared(look, channel_axis, *, random_state, verbose):
    """For noise that neighbours share, channel by channel."""
    noise, planes = look.noise, [look.image]
    if channel_axis is not None:
        planes = list(np.moveaxis(look.image, -1, 0))
    decisions = []
    for number, (plane, channel) in enumerate(zip(planes, noise.channels, strict=True)):
        with part(number, len(planes)):
            decisions.append(_shared_in_plane(plane, channel, noise, random_state, verbose))
    return decisions[0] if channel_axis is None else _joined(decisions, noise)


def _shared_in_plane(plane, channel, whole, random_state, verbose):
    with part(0, 2, "combining denoisers for noise that neighbours share"):
        denoiser, share = for_shared_noise(plane, channel, whole, as_seed(random_state))
    why = shared_in_words(channel, denoiser, share)
    if verbose:
        print(why)
    noise = ImageNoise((channel,))
    application = Application(denoiser, None, cleans=True, noise=noise, share=share)
    with part(1, 2, "applying them"):
        output = application.after_cleaning(plane)
    return Decision(application, output, denoiser, None, ERROR, why)


def _joined(decisions, noise):
    """One decision of those for each channel."""
    application = ByChannel(tuple(decision.application for decision in decisions))
    output = None
    if all(decision.output is not None for decision in decisions):
        output = np.stack([decision.output for decision in decisions], axis=-1)
    first = next(c for c, channel in enumerate(noise.channels) if channel.level)
    each = [f"channel {c}: {decision.why}" for c, decision in enumerate(decisions)]
    return decisions[first]._replace(application=application, output=output, why="\n".join(each))
