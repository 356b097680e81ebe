# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Noise2Same: predict all pixels, and bound how much each output owes to its own input.

The network sees each crop twice: as it is, and with a few pixels J replaced. Between the error
of f and what can be measured stands how much f(x) on J depends on x on J, so that ::

    L(f) = E |f(x) - x|^2 / m + lambda_inv (E_J E |f(x)_J - f(x_Jc)_J|^2 / |J|)^(1/2)

is minimised through both passes (Xie, Wang & Ji, Eq. 7), on normalised data. The theorems hold
for any J, so also for the part of it in a small window: the mean of the roots of such parts
bounds the error, too, and is the smaller (Cauchy-Schwarz). It lets f use more of x where that
pays, such as at edges, and is the default.
"""

from collections.abc import Callable
from numbers import Real
from typing import Any, Literal

import numpy as np

from selfsupervised.core.sklearn_compat import Interval, StrOptions
from selfsupervised.core.types import Array, RandomState
from selfsupervised.images._network import NetworkDenoiser
from selfsupervised.images._parameters import described
from selfsupervised.noise.level import noise_variance
from selfsupervised.partitions.fill import FILLS
from selfsupervised.partitions.stratified import box_edge, draw_stratified
from selfsupervised.training.data import fill_crops, target_of
from selfsupervised.training.passes import WeightedMSE, weighted_mean
from selfsupervised.training.windows import root_mean_square

REPLACEMENT_STD = 0.2  # standard deviation, in normalised units
WINDOW_BOXES = 4  # boxes a side with a pixel of J each, where the root is taken locally


@described(batch_size=4, lr="3e-3", patch=64)
class Noise2SameDenoiser(NetworkDenoiser):
    """Train a network on all pixels under a bound on its use of each (Xie et al., NeurIPS 2020).

    Parameters
    ----------
    module : torch.nn.Module, class or callable, default=None
        The network: an instance, which is copied and from whose weights training starts, or what
        makes one, called with those of ``in_channels``, ``out_channels`` and ``n_dims`` that it
        takes. By default ``Noise2SelfUNet(width=16, depth=3, residual=True)``, which learns
        faster; the paper's is ``ResidualUNet``, both from `selfsupervised.networks`.
    lambda_inv : float or "noise", default=2.0
        Weight of the invariance term. Theorem 1 has 2 for any noise; "noise" is Theorem 2's
        twice the standard deviation of white noise, in normalised units, which is estimated
        from the pixels that are not held out.
    fill : {"neighbors", "normal", "uniform", "random_neighbor"}, default="neighbors"
        What stands in the place of J, see `fill_missing`; "normal", as in most experiments of
        the released code, are draws from N(0, 0.2**2) in normalised units.
    masked : float, default=0.1
        Share of the pixels in J, above 0 and up to 0.25: one at random in each square box of
        that size, drawn anew for each channel and each crop. The paper has 0.005, with which
        the second term is noisier.
    local : bool, default=True
        Whether the root in the invariance term is taken in windows with 16 (in 3-D: 64) pixels of
        J each, of which there is then the mean. False takes one root over the batch, as the paper
        does.
    {parameters}

    Attributes
    ----------
    lambda_ : float
        What `lambda_inv` came to.
    {attributes}

    See Also
    --------
    Noise2SelfDenoiser : Predicts masked pixels only.

    Notes
    -----
    The learning rate is halved five times in the
    second half of all steps; the paper halves it after each tenth, which is too early for few.
    The mean is that of the whole batch. Pixels that were not measured count in neither term.

    {notes}

    References
    ----------
    Xie, Wang & Ji, "Noise2Same: Optimizing A Self-Supervised Bound for Image Denoising",
    NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from selfsupervised import Noise2SameDenoiser
    >>> noisy = np.random.default_rng(0).normal(100, 10, size=(2, 32, 32))
    >>> denoiser = Noise2SameDenoiser(max_steps=3).fit(noisy)
    >>> denoiser.transform(noisy).shape
    (2, 32, 32)
    """

    lambda_: float

    _parameter_constraints: dict = {
        **NetworkDenoiser._parameter_constraints,
        "lambda_inv": [Interval(Real, 0, None, closed="left"), StrOptions({"noise"})],
        "fill": [StrOptions({"normal", *FILLS})],
        "masked": [Interval(Real, 0, 0.25, closed="right")],
        "local": ["boolean"],
    }

    def __init__(
        self,
        module: Any = None,
        *,
        lambda_inv: float | Literal["noise"] = 2.0,
        fill: Literal["neighbors", "normal", "random_neighbor", "uniform"] = "neighbors",
        masked: float = 0.1,
        local: bool = True,
        max_steps: int = 2000,
        batch_size: int = 4,
        patch_size: int | tuple[Any, ...] | None = None,
        augment: bool = True,
        lr: float = 0.003,
        optimizer: str | Callable[..., Any] = "Adam",
        held_out: float = 1 / 16,
        patience: int | None = None,
        precision: Literal["auto", "bfloat16", "float32"] = "auto",
        device: Any = "auto",
        compile: bool = False,
        callbacks: list[Any] | None = None,
        warm_start: bool = False,
        test_time_augmentation: bool = True,
        tile: int | None = None,
        channel_axis: int | None = None,
        random_state: RandomState = 0,
        verbose: int = 0,
    ) -> None:
        self._store(vars())

    def prepare(self, source: Any) -> None:
        """Find out lambda."""
        self.lambda_ = float(2 if self.lambda_inv == "noise" else self.lambda_inv)
        if self.lambda_inv == "noise":
            crops = source.sample(len(source.shapes))
            variances = [noise_variance(np.moveaxis(x, 0, -1), channel_axis=-1) for x in crops]
            self.lambda_ *= float(np.sqrt(np.mean(variances)))

    def criterion(self) -> Any:
        """L_rec + lambda_inv L_inv."""
        window = WINDOW_BOXES * box_edge(self.masked, self.n_dims_) if self.local else None
        return Noise2SameLoss(self.lambda_, window)

    def scheme(self, x: Array, rng: np.random.Generator, progress: float) -> Any:
        """Make x and x_Jc inputs; x, and where J is, targets."""
        J = draw_stratified(x.shape, self.masked, rng)
        seen = np.where(J, np.float32(np.nan), x)
        if self.fill == "normal":
            # What is missing besides is filled first, from what remains to be seen.
            noise = rng.normal(0, REPLACEMENT_STD, x.shape).astype(np.float32)
            without_J = np.where(J, noise, fill_crops(seen))
        else:
            without_J = fill_crops(seen, self.fill, seed=int(rng.integers(2**31)))
        target, weight = target_of(x)
        return {"x": fill_crops(x), "second": without_J}, (target, weight, weight * J)


class Noise2SameLoss(WeightedMSE):
    """L_rec + lambda_inv L_inv, Eq. 7 of the paper.

    Parameters
    ----------
    lambda_inv : float
        Weight of the invariance term.
    window : int, default=None
        Edge, in pixels, of the windows in each of which L_inv takes a root; None takes one root
        over all.
    """

    def __init__(self, lambda_inv, window=None):
        super().__init__()
        self.lambda_inv = lambda_inv
        self.window = window

    def loss(self, outputs, targets):
        """Loss of f(x) and f(x_Jc)."""
        f, f_Jc = outputs
        x, weight, J = targets
        l_rec = weighted_mean((f - x).square(), weight)
        l_inv = root_mean_square((f - f_Jc).square(), J, self.window)
        return l_rec + self.lambda_inv * l_inv
