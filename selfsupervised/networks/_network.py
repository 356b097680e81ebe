# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the networks share: checked arguments, any spatial size, layers by dimensionality."""

from typing import Any, Self

from torch import Tensor, nn

from selfsupervised.networks.padding import padded

LAYOUT = {2: "height, width", 3: "depth, height, width"}


class Network(nn.Module):
    """Base of the networks: a subclass says `layers`, and `multiple` where it is not 1.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int or None
        Channels of the output; None stands for as many as the input has.
    n_dims : {2, 3}
        Number of spatial axes.
    **sizes : int
        Other whole numbers of one or more, such as width and depth; checked only.

    Attributes
    ----------
    arguments : dict
        What the network was made with, so that a file can say how to make it again.
    """

    multiple: int = 1
    arguments: dict[str, Any]
    in_channels: int
    out_channels: int
    n_dims: int

    def __new__(cls, *channels: Any, **others: Any) -> Self:
        network = super().__new__(cls)
        network.arguments = dict(zip(("in_channels", "out_channels"), channels)) | others
        return network

    def __init__(
        self, in_channels: int, out_channels: int | None, n_dims: int, **sizes: Any
    ) -> None:
        super().__init__()
        if n_dims not in LAYOUT:
            raise ValueError(f"{type(self).__name__} expected n_dims to be 2 or 3; got {n_dims!r}.")
        out_channels = in_channels if out_channels is None else out_channels
        sizes = {"in_channels": in_channels, "out_channels": out_channels, **sizes}
        for name, size in sizes.items():
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(
                    f"{type(self).__name__} expected {name} to be a positive integer; got {size!r}."
                )
        self.in_channels, self.out_channels, self.n_dims = in_channels, out_channels, n_dims

    def nd(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """A layer of `torch.nn` in its form for `n_dims`, such as "Conv"."""
        return getattr(nn, f"{name}{self.n_dims}d")(*args, **kwargs)

    def conv(self, in_channels: Any, out_channels: Any, **kwargs: Any) -> Any:
        """A convolution over the 3 x 3 (x 3) neighbourhood, zeros beyond the border."""
        return self.nd("Conv", in_channels, out_channels, 3, padding=1, **kwargs)

    def layers(self, x: Tensor) -> None:
        """Output for a batch whose edges are divisible by `multiple`; to be implemented."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Map a batch of shape (n, in_channels, *spatial) to (n, out_channels, *spatial)."""
        self._check(x)
        return padded(self.layers, x, self.multiple)

    def _check(self, x):
        if x.ndim != self.n_dims + 2 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"{type(self).__name__} expected a batch of shape "
                f"(n, {self.in_channels}, {LAYOUT[self.n_dims]}); got {tuple(x.shape)}. "
                f"Set in_channels and n_dims to match the images."
            )
