# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""How far long work is, told to whoever asked, who may end it.

What takes long calls `report`, or does a `part` of its work; neither does anything unless somebody
listens, who need not be known to the estimators, searches and loops in between. Workers in other
threads and processes have no listener.
"""

from contextlib import contextmanager
from contextvars import ContextVar


class DenoisingCancelled(Exception):
    """Raised by `denoise` when its callback returned False; there is no result.

    See Also
    --------
    denoise : Takes the callback.

    Examples
    --------
    >>> import numpy as np
    >>> import selfsupervised as ss
    >>> try:
    ...     ss.denoise(np.eye(32), "median", callback=lambda share, message: share < 0.3)
    ... except ss.DenoisingCancelled as error:
    ...     print(error)
    Denoising was cancelled by its callback.
    """


class _Listener:
    """A callback, the part of the work that is being done, and why it ended if it did."""

    def __init__(self, callback):
        self.callback = callback
        self.start, self.width = 0.0, 1.0
        self.share, self.message, self.error = 0.0, "", None

    def hear(self, share, message):
        if self.error is None:
            self.share = max(self.share, self.start + self.width * min(max(share, 0.0), 1.0))
            self.message = self.message if message is None else message
            try:
                if self.callback(self.share, self.message) is False:
                    raise DenoisingCancelled("Denoising was cancelled by its callback.")
            except BaseException as error:
                # Kept, as a search may take it for the failure of a candidate and go on.
                self.error = error
        if self.error is not None:
            raise self.error


_listener: ContextVar[_Listener | None] = ContextVar("listener", default=None)


@contextmanager
def reporting(callback):
    """What is done within tells a callback how far it is.

    Parameters
    ----------
    callback : callable or None
        Called with the share that is done, which never gets less, in [0, 1], and a line on what
        is being done. If it returns False, or raises, the work ends. None changes nothing.

    Raises
    ------
    DenoisingCancelled
        If it returned False.
    """
    if callback is None:
        yield
        return
    listener = _Listener(callback)
    token = _listener.set(listener)
    try:
        listener.hear(0.0, None)
        yield
        listener.hear(1.0, "done")
    except Exception as error:
        if listener.error is None or listener.error is error:
            raise
        raise listener.error from error
    finally:
        _listener.reset(token)


def report(share, message=None):
    """Say how far the present part of the work is.

    Parameters
    ----------
    share : float
        In [0, 1].
    message : str, default=None
        What is being done; by default what was before.
    """
    if (listener := _listener.get()) is not None:
        listener.hear(share, message)


@contextmanager
def part(number, of, message=None):
    """What is reported within is one of several equal parts of the present part.

    Parameters
    ----------
    number : int
        Which, from 0 on.
    of : int
        How many there are.
    message : str, default=None
        What is being done, as for `report`.
    """
    listener = _listener.get()
    if listener is None:
        yield
        return
    before = listener.start, listener.width
    listener.start += listener.width * min(number, of - 1) / of
    listener.width /= of
    try:
        listener.hear(0.0, message)
        yield
    finally:
        listener.start, listener.width = before
