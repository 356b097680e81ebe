# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A small negative-binomial autoencoder that learns by hiding molecules."""

from copy import deepcopy
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Self

import numpy as np

from selfsupervised.core.seeds import as_seed
from selfsupervised.core.sklearn_compat import Interval, plain_inside, validate_parameters
from selfsupervised.core.types import Array, RandomState, Table
from selfsupervised.counts._tables import CellDenoiser, check_table
from selfsupervised.networks.count_autoencoder import CountAutoencoder
from selfsupervised.partitions.thinning import thin_counts
from selfsupervised.training.counts import (
    HeldOutMolecules,
    NegativeBinomialLoss,
    SharedMolecules,
    expected_counts,
)
from selfsupervised.training.net import loss_curve, new_net, seeded, train
from selfsupervised.training.passes import choose_device
from selfsupervised.training.saving import load_estimator, save_estimator

N_EPOCHS = 20
RATE_HALVINGS = (0.5, 0.75, 0.875)


class NegativeBinomialAutoencoder(CellDenoiser):
    """Denoise counts by a small network that predicts hidden molecules.

    In each step, the molecules of some cells are shared out at random; the network sees one
    share, scaled to the same total, and predicts the other as negative binomial counts, so
    that there is nothing to be won by passing noise on. A part of all molecules is held out
    of learning from the start; the state that predicts those best is kept.

    Parameters
    ----------
    n_latent : int, default=16
        Numbers through which a cell has to go.
    width : int, default=128
        Features of the hidden layers, one before and one after.
    fraction : float, default=0.5
        Expected share of the molecules that is seen in a step; the others are predicted.
    held_out : float, default=0.1
        Share of the molecules that is held out of learning.
    max_steps : int, default=500
        Steps of Adam; the learning rate is halved after 1/2, 3/4 and 7/8 of them.
    batch_size : int, default=128
        Cells in a step.
    lr : float, default=1e-3
        Learning rate of the first step.
    patience : int, default=None
        Stop after so many steps without a smaller held-out loss. By default all steps are
        taken; the best state is kept either way.
    device : str, default="auto"
        "cpu", "cuda", "cuda:1", "mps"; "auto" is the best that is there.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the held-out molecules, the weights, the batches and the shares. Torch's and
        NumPy's own random states are left alone.
    verbose : int, default=0
        Above 0, a line on standard error shows the step, both losses and steps per second.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    target_sum_ : float
        Total that cells are scaled to in the net, the median.
    held_out_loss_ : float
        Mean negative log-likelihood of the held-out molecules of 1024 random cells (or all), of
        the state that was kept.
    loss_curve_ : dict of ndarray of shape (n_epochs,)
        At the end of each epoch the ``"step"``, the mean ``"train_loss"`` and the
        ``"held_out_loss"``, both negative log-likelihoods. See `LossCurveDisplay`.
    n_steps_ : int
        Number of steps taken.
    n_features_in_ : int
        Number of genes.
    feature_names_in_ : ndarray of str
        Names of the genes, for data frames.

    See Also
    --------
    PCADenoiserCV : Principal components rather than a network.
    NeighborDiffusionDenoiser : Averages cells that are alike.

    Notes
    -----
    **Twice the same.** With the same `random_state` and number of threads on a CPU the result is
    the same to the last bit.

    **New cells** go through the network as those of `fit` do, each for itself: the output is
    what the network expects of a cell with such counts, in as many molecules as it has. Cells
    of a kind that was not there in `fit` come out as a mixture of kinds that were.

    `SelfSupervisedScorer` judges it as any other denoiser of counts, trained on the molecules
    that are seen alone. A part of those is then held out once more.

    References
    ----------
    Eraslan et al., "Single-cell RNA-seq denoising using a deep count autoencoder", Nature
    Communications 10 (2019), for the likelihood; Batson & Royer, "Noise2Self", ICML 2019,
    Section 3.1, for the hiding.

    Examples
    --------
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> rng = np.random.default_rng(0)
    >>> rates = rng.gamma(1, 1, (3, 50))[rng.integers(3, size=200)]  # three kinds of cells
    >>> denoiser = ss.NegativeBinomialAutoencoder(n_latent=2, max_steps=20)
    >>> denoiser.fit_transform(rng.poisson(rates)).shape
    (200, 50)
    """

    net_: Any
    target_sum_: float
    held_out_loss_: float
    loss_curve_: dict[str, Array]
    n_steps_: int
    n_features_in_: int
    feature_names_in_: Array

    _parameter_constraints: dict = {
        "n_latent": [Interval(Integral, 1, None, closed="left")],
        "width": [Interval(Integral, 1, None, closed="left")],
        "fraction": [Interval(Real, 0, 1, closed="neither")],
        "held_out": [Interval(Real, 0, 0.5, closed="right")],
        "max_steps": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "patience": [None, Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "random_state": ["random_state", np.random.Generator],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_latent: int = 16,
        *,
        width: int = 128,
        fraction: float = 0.5,
        held_out: float = 0.1,
        max_steps: int = 500,
        batch_size: int = 128,
        lr: float = 0.001,
        patience: int | None = None,
        device: str = "auto",
        random_state: RandomState = 0,
        verbose: int = 0,
    ) -> None:
        self.n_latent = n_latent
        self.width = width
        self.fraction = fraction
        self.held_out = held_out
        self.max_steps = max_steps
        self.batch_size = batch_size
        self.lr = lr
        self.patience = patience
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @plain_inside
    def fit(self, X: Table, y: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_cells, n_features)
            Counts.
        y : None
            Ignored: molecules are the target of other molecules.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Negative, missing or no counts; a parameter out of range.
        FloatingPointError
            If the loss becomes NaN.
        MemoryError
            If memory is too small for a step.

        Warns
        -----
        UserWarning
            Fractional values, which are rounded.
        """
        validate_parameters(self)
        table = check_table(self, X, reset=True).rint().astype(np.int64)
        table = table[table.sum(axis=1) > 0]
        if not table.nnz:
            raise ValueError(
                f"{type(self).__name__} got a table without any molecule: there is nothing to see."
            )
        seed, device = as_seed(self.random_state), choose_device(self.device)
        (seen, _), (held_out, _) = thin_counts(table, 1 - self.held_out, seed=(seed,))
        self.target_sum_ = float(np.median(seen.sum(axis=1)))
        data = SharedMolecules(
            seen,
            fraction=self.fraction,
            n_batches=-(-self.max_steps // N_EPOCHS),
            batch_size=min(self.batch_size, table.shape[0]),
            max_steps=self.max_steps,
            seed=seed,
        )
        with seeded(seed, device):
            valid = HeldOutMolecules(seen, held_out, seed=seed)
            self.net_ = self._new_net(seen.sum(axis=0), valid, device)
            self.n_steps_ = train(self.net_, data)
        self.loss_curve_ = loss_curve(self.net_)
        self.held_out_loss_ = float(self.loss_curve_["held_out_loss"].min())
        return self

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to one file, without pickle.

        Parameters
        ----------
        path : str or Path
            Where; ".safetensors" is the usual suffix.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is nothing to save.
        """
        save_estimator(self, path)

    @classmethod
    def load(cls, path: str | Path, *, device: Any = "auto") -> Any:
        """Read an estimator of this class that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file. Nothing in it is executed.
        device : str, default="auto"
            The parameter `device` from now on.

        Returns
        -------
        estimator
            Fitted; it transforms as the saved one did.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is damaged, of another kind, newer than this library, or holds an estimator of
            another class.
        """
        return load_estimator(path, [cls], device=device)

    def _new_net(self, molecules=None, valid=None, device=None):
        """A net to be trained; or, without arguments, one to be given weights."""
        if molecules is None:
            molecules = np.zeros(self.n_features_in_)
        totals = molecules + 0.5  # a gene of which nothing is seen is not impossible
        module = CountAutoencoder(
            totals / totals.sum(),
            target_sum=self.target_sum_,
            width=self.width,
            n_latent=self.n_latent,
        )
        return new_net(
            module,
            NegativeBinomialLoss(),
            device=choose_device(self.device) if device is None else device,
            max_steps=self.max_steps,
            lr=self.lr,
            halvings=RATE_HALVINGS,
            patience=self.patience,
            valid=valid,
            verbose=self.verbose,
        )

    def _expectation(self, columns):
        module = deepcopy(self.net_.module_).double().eval()
        return lambda X: expected_counts(module, X, columns, self.net_.device)
