# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A network beside the denoiser that was made for the noise, trained for what is left of a time.

In grey it begins with what it learned from dead leaves. Then it learns from what that denoiser made
of the image, taken for clean, with noise drawn anew in each step, and in the end from pairs of the
noisy image itself. Most of the time it does so for a noisier image (recorruption), whose opposite
then says with which weight its output is to be mixed with that of the denoiser. The rest of the
time it goes on with the mixture of both for the image itself.
"""

import time
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from selfsupervised.auto.leaves import dead_leaves
from selfsupervised.base import ImageDenoiser
from selfsupervised.classical import NLRidgeDenoiser
from selfsupervised.core.optional import optional
from selfsupervised.core.progress import part
from selfsupervised.evaluation.risk import MIXING, split_noise, told_more

PATCH_EDGE, BATCH_SIZE, N_VIEWS = 64, 4, 8
TRIAL_STEPS = 8  # by which it is known how long a step takes
MIN_STEPS = 200  # with fewer the network is not worth its time
MAX_STEPS = 20_000
LR, LATER_LR, PAIRS_LR = 3e-3, 1e-3, 1e-3
TRIAL: dict = {"alpha": 1.0, "lr": 1e-4, "warm_start": True}
PAIRS_SHARE = 0.6  # of the steps, with the noisy image itself
PASSES = 3  # that a step takes, where applying a network takes one
WEIGHING_SHARE = 0.65  # of the steps, on the noisier image
# The denoiser is applied more carefully, at so many times its time, where that is a small share.
CAREFUL_TIMES, MAX_CAREFUL_SHARE = 4, 0.3
SPARE_SHARE = 0.05  # of the time, as steps do not take equally long
# Beside the image: itself at half the size, and at least so many images of leaves.
N_LEAVES, LEAVES_EDGE = 6, 192
MIN_EDGE_PIXELS = 64
NOT_FOR_OTHER_NOISE = "network: not used, as it is for white noise of known strength"
# Weights, and their standard deviations, of networks trained for a minute in a dozen trials, and of
# a last pass that their mixture leads.
USUAL, USUAL_OF_PASS, MIN_WEIGHT = (0.4, 0.12), (0.7, 0.5), 0.05


class WithNetwork(ImageDenoiser):
    """A denoiser mixed with a network, with the weight that has the least estimated error.

    Parameters
    ----------
    denoiser : estimator
        Made for the noise; it learns nothing.
    noise : ImageNoise
    seconds : float
        For `fit` and the first `transform` together; about, as steps do not take equally long.
    random_state : int, default=0
    verbose : int, default=0
    channel_axis : {None, -1}, default=None

    Attributes
    ----------
    denoiser_, network_ : estimator
        Both fitted; the network is None if it is not used.
    weight_ : float
        Of the network.
    pass_weight_ : float
        Of the denoiser's last pass, which their mixture leads.
    n_steps_ : int
        That the network took.
    more_ : bool
        Whether there was time for more than `denoiser`.
    why_ : str
        What was done and why, in a sentence.
    """

    _sees_missing = True
    _parameter_constraints: dict = {
        **ImageDenoiser._parameter_constraints,
        **dict.fromkeys(("denoiser", "noise", "seconds", "random_state"), "no_validation"),
        "verbose": ["verbose"],
    }
    network_: Any
    why_: str

    def __init__(self, denoiser, *, noise, seconds, random_state=0, verbose=0, channel_axis=None):
        self.denoiser = denoiser
        self.noise = noise
        self.seconds = seconds
        self.random_state = random_state
        self.verbose = verbose
        self.channel_axis = channel_axis

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """All but the image that it was fitted on, and what became of it."""
        return {**super().__getstate__(), "_known": None}

    def fit(self, X, y=None):
        """Train the network on the first image, if there is time, and find its weight."""
        end = time.monotonic() + self.seconds
        image = self._check(X).data[0]
        self.denoiser_ = clone(self.denoiser).fit(X)
        self.network_, self.weight_, self.pass_weight_ = None, 0.0, 0.0
        self.more_, self.n_steps_, self._known = False, 0, None
        problem = self._problem(image) or self._train(image, end)
        self.why_ = f"network: {problem}"
        return self

    def _train(self, image, end):
        """Train, weigh and train on; what came of it, in words."""
        if self.seconds <= 0:
            return self._too_short(0)
        strength = float(np.sqrt(1 + MIXING**2))
        seen, judged, _ = split_noise(image, self.noise, random_state=self.random_state)
        start = time.monotonic()
        with part(0, 4, "a noisier image, for the weight of a network"):
            raised = told_more(self.denoiser, strength).fit(seen[None])
            pilot = _applied(raised, seen)
        seconds = time.monotonic() - start
        if time.monotonic() > end:
            return self._too_short(0)
        slow = self.denoiser_
        if CAREFUL_TIMES * seconds < MAX_CAREFUL_SHARE * self.seconds:
            slow, seconds = careful(clone(slow)).fit(image[None]), CAREFUL_TIMES * seconds
        rng = np.random.default_rng(self.random_state)
        network, step_seconds = self._started(self._lessons(pilot, rng))
        # To come: the denoiser once and a pass more, the network on three images.
        applied = N_VIEWS * image.size / (PASSES * BATCH_SIZE * PATCH_EDGE**2) * step_seconds
        left = (1 - SPARE_SHARE) * (end - time.monotonic() - 1.5 * seconds - 3 * applied)
        n_steps = int(min(left / step_seconds, 2 * MAX_STEPS))
        if n_steps < MIN_STEPS:
            return self._too_short(max(n_steps, 0))
        self.denoiser_ = slow
        first = int(WEIGHING_SHARE * n_steps)
        with part(1, 4, "training a network"):
            lessons, start = self._lessons(pilot, rng), time.monotonic()
            network = self._taught(network, lessons, seen, strength, first, LR)
            step_seconds = max((time.monotonic() - start) / first, step_seconds / 2)
        output = _applied(network, seen)
        self.more_, self.weight_ = True, weight_of(output, pilot, judged, *USUAL)
        if isinstance(raised, NLRidgeDenoiser):
            output = pilot + self.weight_ * (output - pilot)
            led = raised.led_by(seen, output)
            self.pass_weight_ = weight_of(led, output, judged, *USUAL_OF_PASS)
        if self.weight_ == 0:
            return (
                f"not used, as after {first} steps it was not sure to improve the result; the "
                f"denoiser was applied with more care"
            )
        with part(2, 4, "mixing it with the denoiser"):
            self.network_, self._known = network, (image, _applied(self.denoiser_, image))
            better = self._mixed(image)
        left = (1 - SPARE_SHARE) * (end - time.monotonic() - 0.5 * seconds - applied)
        rest = int(np.clip(left / step_seconds, 1, MAX_STEPS))
        with part(3, 4, "training the network further"):
            lessons = self._lessons(better, rng)
            self.network_ = self._taught(network, lessons, image, 1.0, rest, LATER_LR)
        self.n_steps_ = first + rest
        return (
            f"{self.weight_:.0%} of a network that learned for {self.n_steps_} steps from the "
            f"result and fresh noise, {1 - self.weight_:.0%} of the denoiser"
        )

    def _too_short(self, n_steps):
        seconds = max(self.seconds, 0.0)
        return (
            f"not used, as there is time for {n_steps} steps of training in {seconds:.3g} s, and "
            f"fewer than {MIN_STEPS} do not pay"
        )

    def _started(self, lessons):
        """A new network after a few steps, and the seconds that one takes."""
        network = self._learner("TaughtDenoiser", max_steps=1, **TRIAL)
        network.fit(lessons)  # the first takes longer
        start = time.monotonic()
        network.set_params(max_steps=TRIAL_STEPS).fit(lessons)
        return network, (time.monotonic() - start) / TRIAL_STEPS

    def _taught(self, network, lessons, noisy, strength, n_steps, lr):
        """The network after more steps, the last of them with pairs of the noisy image itself."""
        # Pairs teach a network that knows much already, as that of one channel does.
        paired = self.channel_axis is None and not self.noise.channels[0].grows
        n_pairs = int(PAIRS_SHARE * n_steps) if paired else 0
        options = {"alpha": strength, "max_steps": n_steps - n_pairs, "lr": lr}
        network = self._learner("TaughtDenoiser", network, **options).fit(lessons)
        if not n_pairs:
            return network
        noise = self.noise.as_strong_as(strength * self.noise.channels[0].level)
        options = {"noise": noise, "max_steps": n_pairs, "lr": PAIRS_LR}
        return self._learner("RecorruptedDenoiser", network, **options).fit(noisy[None])

    def _learner(self, name, before=None, **options):
        """What trains a network, that of another one or a new one."""
        module = import_module("selfsupervised.images._taught")
        options = {
            "noise": self.noise,
            "patch_size": PATCH_EDGE,
            "batch_size": BATCH_SIZE,
            "held_out": 0.0,
            "channel_axis": self.channel_axis,
            "random_state": self.random_state,
            **options,
        }
        return getattr(module, name)(before and before.net_.module_.network, **options)

    def _lessons(self, pilot, rng):
        """What the network learns from, taken for clean."""
        height, width = (size // 2 * 2 for size in pilot.shape[:2])
        even = pilot[:height, :width]
        half = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
        n_pixels = pilot.shape[0] * pilot.shape[1]
        n_leaves = max(N_LEAVES, round(n_pixels / LEAVES_EDGE**2))
        times = max(round(n_leaves * LEAVES_EDGE**2 / n_pixels), 1)
        leaves = [dead_leaves(pilot, LEAVES_EDGE, rng) for _ in range(n_leaves)]
        return [pilot] * (2 * times) + [half] * (2 * times) + leaves

    def _problem(self, image):
        """Why no network can be trained, in words; None if one can."""
        n_spatial = image.ndim - (self.channel_axis is not None)
        if n_spatial != 2:
            return "not used, as in volumes it would learn too slowly"
        if min(image.shape[:2]) < MIN_EDGE_PIXELS:
            return f"not used, as an edge of the image is shorter than {MIN_EDGE_PIXELS} pixels"
        try:
            optional("torch", caller="it", extra="networks")
            optional("skorch", caller="it", extra="networks")
            optional("safetensors", caller="it", extra="networks")
        except ImportError as error:
            return f"not used, as {error}".removesuffix(".")
        return None

    def _denoise(self, image):
        check_is_fitted(self, "weight_")
        return self._mixed(image) if self.more_ else _applied(self.denoiser_, image)

    def _mixed(self, image):
        """The mixture, and of it what the denoiser makes in a last pass."""
        known, out = self._known or (None, None)
        if known is None or not np.array_equal(known, image, equal_nan=True):
            out = _applied(self.denoiser_, image)
        if self.weight_:
            out = out + self.weight_ * (_applied(self.network_, image) - out)
        if self.pass_weight_:
            out = out + self.pass_weight_ * (self.denoiser_.led_by(image, out) - out)
        return out


def careful(denoiser):
    """The same denoiser, slower and a little better."""
    slow = {"step": 2, "window": 61}
    params = denoiser.get_params()
    new = {name: slow[key] for name in params if (key := name.split("__")[-1]) in slow}
    return denoiser.set_params(**new)


def beside(denoiser, image, noise, seconds, random_state, verbose, whole):
    """A denoiser with a network beside it, where that helps.

    Parameters
    ----------
    denoiser : estimator
        Chosen, and fitted.
    image : ndarray of shape (*spatial) or (*spatial, n_channels)
    noise : ImageNoise
    seconds : float
        What is left.
    random_state, verbose : int
    whole : bool
        Whether all of its output is taken, and none of the noisy image.

    Returns
    -------
    denoiser : estimator
        With the network, or the same as before.
    why : str
        What was done, in a sentence.
    """
    if not whole:
        return denoiser, "network: not used, as of the denoised image only a part is taken"
    both = WithNetwork(
        denoiser,
        noise=noise,
        seconds=seconds,
        random_state=random_state,
        verbose=verbose,
        channel_axis=noise.channel_axis,
    )
    both.fit(image[None])
    return (both if both.more_ else denoiser), both.why_


def weight_of(output, other, judged, usual, spread):
    """Weight of an output, beside another one, of the least error; near the usual where unsure.

    Parameters
    ----------
    output, other : ndarray
        What two denoisers make of a noisier image.
    judged : ndarray
        Its opposite, whose noise is independent; NaN where nothing was measured.
    usual, spread : float
        What the weight usually is, and its standard deviation.

    Returns
    -------
    float
        From 0 to 1; 0 if it is not worth it.
    """
    kept = ~np.isnan(judged)
    step, wanted = (output - other)[kept].astype(float), (judged - other)[kept].astype(float)
    total = np.sum(step**2)
    if not total > 0:
        return 0.0
    found = np.sum(step * wanted) / total
    error = np.sqrt(np.sum(np.square(step * (wanted - found * step)))) / total
    sure = spread**2 / (spread**2 + error**2)
    weight = sure * found + (1 - sure) * usual
    return float(min(weight, 1.0)) if weight > MIN_WEIGHT else 0.0


def _applied(denoiser, image):
    return np.asarray(denoiser.transform(image[None]))[0]
