# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What a prediction of hidden measurements costs.

All are chosen so that their minimiser over J-invariant functions is a statistic of the clean
signal given the visible data: the mean for "mse" and "poisson", the median for "mae".
"""

import numpy as np
from scipy import sparse
from scipy.special import xlogy

SMALLEST_RATE = 1e-6


def squared_error(judged, predicted):
    """(prediction - measurement)**2, in squared units of the data (Noise2Self, Eq. 1)."""
    return np.square(predicted - judged, dtype=np.float64)  # which float32 might not hold


def absolute_error(judged, predicted):
    """abs(prediction - measurement), in units of the data; robust to outliers."""
    return np.abs(predicted - judged)


def poisson_loss(judged, predicted):
    """Negative log-likelihood of Poisson counts, ``p - x log p``, without the term of x alone.

    Predictions below 1e-6 are taken as 1e-6, so that one zero in the wrong place costs much
    but not everything.

    Raises
    ------
    ValueError
        If a measurement is negative: Poisson counts never are.
    """
    if np.min(judged, initial=0) < 0:
        raise ValueError("loss='poisson' expected counts, got negative measurements; use 'mse'.")
    rate = np.maximum(predicted, SMALLEST_RATE)
    return rate - xlogy(judged, rate)


LOSSES = {"mse": squared_error, "mae": absolute_error, "poisson": poisson_loss}


def get_loss(loss):
    """The function ``(judged, predicted) -> loss`` behind a name, or the callable itself.

    Raises
    ------
    ValueError
        If `loss` is neither.
    """
    if callable(loss):
        return loss
    if loss in LOSSES:
        return LOSSES[loss]
    raise ValueError(
        f"Expected loss to be one of {sorted(LOSSES)} or a function (judged, predicted) -> loss; "
        f"got {loss!r}."
    )


def mean_loss(predictions, loss="mse"):
    """Mean loss over all measured entries of all pairs.

    Parameters
    ----------
    predictions : iterable of (judged, predicted)
        Arrays of equal shape; `judged` may be sparse, and NaN where nothing was measured.
    loss : {"mse", "mae", "poisson"} or callable, default="mse"
        A callable gets two 1-D arrays and returns an array like them, or their mean. One with
        the attribute ``of_tables = True`` gets the tables as they are.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a prediction is not finite, or nothing can be judged: a loss of NaN would be chosen
        as the best by many a search.
    """
    function, total, count = get_loss(loss), 0.0, 0
    for judged, predicted in predictions:
        if sparse.issparse(judged):
            judged = judged.toarray()
        measured = ~np.isnan(judged)
        if not getattr(function, "of_tables", False):
            judged, predicted = judged[measured], predicted[measured]
        if not np.isfinite(predicted).all():
            raise ValueError(
                "Expected finite predictions, got NaN or infinity from the denoiser: it must "
                "predict a number wherever one was measured."
            )
        if judged.size:
            cost = float(np.mean(function(judged, predicted)))
            if not np.isfinite(cost):
                raise ValueError(f"Expected a finite loss, got {cost} from {function!r}.")
            total += cost * judged.size
            count += judged.size
    if count == 0:
        raise ValueError("Expected at least one measured entry to judge, got none.")
    return total / count
