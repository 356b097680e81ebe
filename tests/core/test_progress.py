# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Progress is told to who listens, who may end the work."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss
from cases import HAS_NETWORKS, smooth_image
from selfsupervised.cli.progress import Progress
from selfsupervised.core.progress import part, report, reporting

NOISY = smooth_image((16, 16)) + np.random.default_rng(0).normal(0, 0.1, (16, 16))
SEARCH = GridSearchCV(
    ss.JInvariantWrapper(ss.GaussianDenoiser()),
    {"estimator": [ss.GaussianDenoiser(1.0), ss.NLRidgeDenoiser(0.1, patch_size=3)]},
    cv=ss.SameSplit(),
)


class Heard(list):
    """A callback that keeps what it was told, and ends the work after some calls."""

    def __init__(self, last=np.inf):
        self.last = last

    def __call__(self, share, message):
        self.append((share, message))
        return len(self) < self.last


def test_parts_of_parts():
    heard = Heard()
    with reporting(heard):
        with part(0, 2, "first"):
            report(0.5)
        with part(1, 2):
            for number in range(2):
                with part(number, 2, f"part {number}"):
                    report(0.5)
        report(0.1, "back")
    assert [share for share, _ in heard] == [0, 0, 0.25, 0.5, 0.5, 0.625, 0.75, 0.875, 0.875, 1]
    assert [message for _, message in heard[-3:]] == ["part 1", "back", "done"]


def test_nobody_listens():
    with reporting(None), part(0, 2):
        report(2.0, "nothing happens")
    heard = Heard()
    with reporting(heard):
        pass
    report(0.5)
    assert len(heard) == 2


@pytest.mark.filterwarnings("ignore:NLRidgeDenoiser got an image:UserWarning")
@pytest.mark.parametrize(
    ("method", "axes", "words"),
    [
        ("auto", None, "applying"),
        ("gaussian", "TYX", "trying GaussianDenoiser(sigma=0.7)"),
        ("nl_ridge", None, "applying NLRidgeDenoiser"),
        (SEARCH, "TYX", "applying GridSearchCV"),
    ],
)
def test_each_way_reports_and_is_cancelled(method, axes, words):
    image = NOISY if axes is None else np.stack([NOISY, NOISY])
    heard = Heard()
    out = ss.denoise(image, method, axes=axes, callback=heard)
    assert out.shape == image.shape
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[-1] == 1
    assert any(words in message for _, message in heard)
    for last in {2, len(heard) - 1}:
        heard = Heard(last)
        with pytest.raises(ss.DenoisingCancelled, match="cancelled by its callback"):
            ss.denoise(image, method, axes=axes, callback=heard)
        assert len(heard) == last


@pytest.mark.skipif(not HAS_NETWORKS, reason="networks are not installed")
def test_a_training_is_cancelled_and_leaves_nothing():
    own = ss.Self2SelfDenoiser(max_steps=3, n_predictions=3, patch_size=16)
    heard = Heard()
    ss.denoise(NOISY, own, callback=heard)
    messages = [message for _, message in heard]
    assert {f"training: step {n} of 3" for n in (1, 2, 3)} <= set(messages)
    heard = Heard(messages.index("training: step 2 of 3") + 1)
    with pytest.raises(ss.DenoisingCancelled):
        ss.denoise(NOISY, own, callback=heard)
    assert not hasattr(own, "net_")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_search_that_takes_errors_for_failures_is_cancelled_too():
    search = GridSearchCV(
        ss.NLRidgeDenoiser(0.1, patch_size=3), {"sigma": [0.1, 0.2]}, cv=ss.SameSplit()
    )
    for error_score in (np.nan, "raise"):
        with pytest.raises(ss.DenoisingCancelled):
            ss.denoise(NOISY, search.set_params(error_score=error_score), callback=Heard(5))


def test_an_error_of_the_callback_is_raised():
    def fails(share, message):
        raise KeyError(message)

    with pytest.raises(KeyError):
        ss.denoise(NOISY, "median", callback=fails)
    with pytest.raises(TypeError, match=r"expected callback to be a function .* got 3"):
        ss.denoise(NOISY, "median", callback=3)


def test_a_bar_over_files():
    bar = SimpleNamespace(n=0.0, words=[])
    bar.set_postfix_str = lambda words, refresh: bar.words.append(words)
    bar.update = lambda by: setattr(bar, "n", bar.n + by)
    shown = Progress(bar)
    for number in range(2):
        with shown.file(), part(0, 2, f"file {number}"):
            assert bar.n == number
            report(1.0)
            assert bar.n == number + 0.5
    assert (bar.n, bar.words[-1]) == (2, "done")
