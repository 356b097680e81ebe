# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What `denoise` returns beside the image: the choice, which goes on to the next image."""

import pickle
import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

import selfsupervised as ss
from cases import smooth_image
from selfsupervised.auto.families import FAMILIES


def colours(rng, same):
    planes = [smooth_image((48, 48), seed=0 if same else seed) for seed in range(3)]
    levels = (0.05, 0.1, 0.2) if same else (0.1, 0.0, 0.2)
    noise = [rng.normal(0, 1, (48, 48)) * level for level in levels]
    return np.stack([plane + n for plane, n in zip(planes, noise)], axis=-1)


def pictures():
    """Images that take all ways through `denoise`, with the arguments."""
    rng, clean = np.random.default_rng(3), smooth_image((64, 64))
    white = clean + rng.normal(0, 0.1, clean.shape)
    holes, hot = white.copy(), white.copy()
    holes[10:14, 20:30] = np.nan
    hot[rng.integers(0, 64, 8), rng.integers(0, 64, 8)] += 3.0
    sums = rng.normal(0, 0.2, (64, 66))
    yield "white", white, {}
    yield "float32", white.astype(np.float32), {}
    yield "holes", holes, {}
    yield "hot pixels and offsets of rows", hot + rng.normal(0, 0.1, (64, 1)), {}
    yield "photons", rng.poisson(40 * np.maximum(clean, 0)).astype(float), {}
    yield "no noise", np.kron(np.arange(16).reshape(4, 4) % 3, np.ones((16, 16))), {}
    yield "pepper", np.where(rng.random(clean.shape) < 0.1, 1.0, clean), {"loss": "mae"}
    yield "shared", clean + (sums[:, 2:] + sums[:, 1:-1] + sums[:, :-2]) / 3, {}
    yield "colour", colours(rng, same=True), {"channel_axis": -1}
    yield "other colours", colours(rng, same=False), {"channel_axis": -1}
    yield "volume", white.reshape(16, 16, 16), {}
    for method in FAMILIES:
        yield method, white, {"method": method}
    yield "estimator", white, {"method": ss.JInvariantWrapper(ss.MedianDenoiser())}
    yield "function", white, {"method": np.tanh}


PICTURES = list(pictures())


@pytest.mark.parametrize(
    ("image", "options"), [p[1:] for p in PICTURES], ids=[p[0] for p in PICTURES]
)
def test_transform_is_what_denoise_gave(image, options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ss.CorrelatedNoiseWarning)
        out, found = ss.denoise(image, return_search=True, **options)
    assert_array_equal(found.transform(image[None])[0], out)
    # The next image: of the same kind, and other values.
    following = np.flip(image, axis=(0, 1)).copy()
    expected = found.transform(following[None])[0]
    assert expected.shape == image.shape and expected.dtype == image.dtype
    again, same = ss.denoise(following, found, return_search=True, **_axis_of(options))
    assert_array_equal(again, expected)
    assert same is found
    if options.get("method") is not np.tanh:
        assert_array_equal(pickle.loads(pickle.dumps(found)).transform(image[None])[0], out)


def _axis_of(options):
    return {"channel_axis": options["channel_axis"]} if "channel_axis" in options else {}


def test_the_search_itself_would_not_do():
    """The negative control: the winner of the search neither cleans nor guards."""
    image = {name: image for name, image, _ in PICTURES}["hot pixels and offsets of rows"]
    out, found = ss.denoise(image, return_search=True)
    assert np.abs(found.search_.best_estimator_.transform(image[None])[0] - out).max() > 0.05
    assert found.best_estimator_ is found.search_.best_estimator_


def test_the_next_image_needs_no_search(monkeypatch, noisy):
    _, found = ss.denoise(noisy, return_search=True)
    monkeypatch.setattr(ss.AutoDenoiser, "_choose", None)
    ss.denoise(noisy[::-1], found)
    with pytest.raises(TypeError):  # the negative control: an unfitted one searches
        ss.denoise(noisy[::-1], clone(found))


def test_bare_images_of_any_kind(noisy):
    """Integers, and channels first, as for `denoise` itself."""
    image = np.clip(np.rint(100 * noisy), 0, 255).astype(np.uint8)
    out, found = ss.denoise(image, "gaussian", return_search=True)
    assert ss.denoise(image, found).dtype == np.uint8
    assert_array_equal(ss.denoise(image, found), out)
    first = np.stack([noisy] * 3)
    out, found = ss.denoise(first, "median", channel_axis=0, return_search=True)
    assert_array_equal(ss.denoise(first, found, channel_axis=0), out)
    with pytest.raises(ValueError, match="an estimator with channel_axis=None for this image"):
        ss.denoise(noisy, found)


@pytest.mark.parametrize("channel_axis", [None, -1])
def test_one_candidate_needs_no_search(monkeypatch, noisy, channel_axis):
    """It costs what the estimator costs: one pass over the image."""
    passes = []

    def counted(self, image, original=ss.NLRidgeDenoiser._denoise):
        passes.append(image.size)
        return original(self, image)

    monkeypatch.setattr(ss.NLRidgeDenoiser, "_denoise", counted)
    image = noisy if channel_axis is None else np.stack([noisy] * 3, axis=-1)
    _, found = ss.denoise(image, "nl_ridge", channel_axis=channel_axis, return_search=True)
    assert passes == [image.size]
    assert found.search_ is None and np.isnan(found.best_score_) and found.best_index_ == 0
    with pytest.raises(AttributeError, match="see denoiser_"):
        found.best_estimator_  # noqa: B018
    passes.clear()
    ss.denoise(noisy)  # the negative control
    assert len(passes) > 1


def test_repr_says_what_was_chosen(noisy):
    assert repr(ss.AutoDenoiser("median")) == "AutoDenoiser(method='median')"
    _, found = ss.denoise(noisy, return_search=True)
    text = repr(found)
    assert text.startswith("<AutoDenoiser(): NLRidgeDenoiser(") and "candidates>" in text
    assert len(text.splitlines()) == 1 and len(text) < 120
    _, alone = ss.denoise(noisy, "nl_ridge", return_search=True)
    assert "candidates" not in repr(alone)
    assert "AutoDenoiser" in found._repr_html_()


def test_summary(noisy):
    pytest.importorskip("pandas")
    _, found = ss.denoise(noisy, return_search=True)
    table = found.summary()
    assert list(table.columns) == ["candidate", "error", "seconds", "chosen"]
    assert table["error"].is_monotonic_increasing and table["chosen"].sum() == 1
    assert len(table) == len(found.cv_results_["params"]) and (table["seconds"] > 0).all()
    assert table.loc[table["chosen"], "error"].item() == -found.best_score_
    _, found = ss.denoise(noisy, "median", return_search=True)
    assert list(found.summary().columns)[1] == "loss"
    _, found = ss.denoise(noisy, budget_s=0, return_search=True)
    assert found.summary()["error"].isna().sum() == len(found.summary()) - 1
    _, found = ss.denoise(noisy, "nl_ridge", return_search=True)
    assert found.summary()["chosen"].tolist() == [True]


def test_without_pandas_summary_says_what_to_install(noisy, monkeypatch):
    found = ss.AutoDenoiser("nl_ridge").fit(noisy[None])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"summary needs pandas.*selfsupervised\[notebook\]"):
        found.summary()


def test_a_stack_is_looked_at_once(noisy):
    """All frames are treated as the first."""
    frames = np.stack([noisy, noisy[::-1]])
    found = ss.AutoDenoiser(budget_s=0)
    together = found.fit_transform(frames)
    assert_array_equal(together, found.fit(frames[:1]).transform(frames))
    assert_array_equal(together[0], ss.denoise(noisy, budget_s=0))
    listed = ss.AutoDenoiser(budget_s=0).fit_transform([noisy, noisy[:40]])
    assert_array_equal(listed[0], together[0])
    assert listed[1].shape == noisy[:40].shape


def test_verbose_says_the_same_whatever_the_method(noisy, capsys):
    for method in ("auto", "median"):
        ss.denoise(noisy, method)
        assert capsys.readouterr().out == ""
        ss.denoise(noisy, method, verbose=1)
        told = capsys.readouterr().out.splitlines()
        assert sum(" in " in line and " s  " in line for line in told) >= 5
        assert any(line.startswith("chosen: ") for line in told)
        assert not any("Fitting" in line for line in told)
