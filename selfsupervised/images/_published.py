# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Network estimators with all settings of their paper, or of the code released with it."""

from copy import deepcopy
from difflib import get_close_matches
from inspect import signature
from typing import Any, Self

# What no paper does: shorten gradients, keep pixels from learning, stop by them, round to 16 bits.
AS_PRINTED: dict[str, Any] = {
    "max_gradient_norm": None,
    "held_out": 0,
    "patience": None,
    "precision": "float32",
}


class Published:
    """Gives an estimator the class methods `from_paper` and `from_code`.

    A subclass says in `paper` what its paper prints, every parameter of the method and its
    training by name, and in `code` what the released code has otherwise.
    """

    paper: dict[str, Any] = {}
    code: dict[str, Any] = {}

    @classmethod
    def from_paper(cls, **overrides: Any) -> Self:
        """Make the estimator with every setting as its paper prints it.

        All are set in the open: network, loss, masks, what fills them, optimizer, rate and
        schedule, steps, crops and how they are turned, and how predictions are made. No pixel is
        held out, no gradient is shortened, and the last state is kept. What remains open is where
        it runs and what it is run on, such as `device`, `channel_axis` and `random_state`.

        Parameters
        ----------
        **overrides
            Parameters of the class, which replace the paper's.

        Returns
        -------
        estimator
            Not fitted.

        Raises
        ------
        TypeError
            If one of `overrides` is no parameter of the class.

        Notes
        -----
        What cannot be set as the paper has it is named in the notes of the class. Papers trained
        for hours or days on a GPU; `max_steps` shortens that, and the schedule, a share of the
        steps, goes with it.

        Examples
        --------
        >>> import selfsupervised as ss
        >>> ss.Neighbor2NeighborDenoiser.from_paper(max_steps=1000).halvings
        (0.2, 0.4, 0.6, 0.8)
        """
        return cls._published("from_paper", cls.paper, overrides)

    @classmethod
    def from_code(cls, **overrides: Any) -> Self:
        """Make the estimator as the code released with its paper has it.

        As `from_paper`, with other values where that code differs from the paper's text.

        Parameters
        ----------
        **overrides
            Parameters of the class, which replace the code's.

        Returns
        -------
        estimator
            Not fitted.

        Raises
        ------
        TypeError
            If one of `overrides` is no parameter of the class.
        """
        return cls._published("from_code", cls.paper | cls.code, overrides)

    @classmethod
    def _published(cls, caller, settings, overrides):
        known = signature(cls).parameters
        for name in overrides:
            if name not in known:
                close = get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else "see its documentation."
                raise TypeError(
                    f"{cls.__name__}.{caller} expected parameters of {cls.__name__}, got "
                    f"{name!r}; {hint}"
                )
        return cls(**{**deepcopy(settings), **overrides})
