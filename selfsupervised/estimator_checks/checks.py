# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What every denoiser must keep, as checks for ours and for other people's.

The battery complements scikit-learn's, which knows no images: run both, the latter through
`RowsAsImages` for denoisers of images.
"""

import pickle
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from selfsupervised.estimator_checks.extreme_images import (
    check_degenerate_images,
    check_extreme_values,
)
from selfsupervised.estimator_checks.table_checks import counts, fitted, run
from selfsupervised.evaluation.scoring import self_supervised_loss
from selfsupervised.partitions import SinglePixels


def image_checks(estimator):
    """Checks of a denoiser of images, by what it takes."""
    checks = [
        check_shape_kept,
        check_float_dtype_kept,
        check_other_dtypes,
        check_units_kept,
        check_input_unmodified,
        check_missing,
        check_masked_array,
        check_list,
        check_constant,
        check_small_sizes,
        check_degenerate_images,
        check_extreme_values,
        check_each_image_alone,
        check_bare_image_refused,
        check_bad_values_refused,
        check_score_honest,
    ]
    if _takes_channels(estimator):
        checks += [check_channels, check_wrong_channel_axis_refused]
    if _takes_volumes(estimator):
        checks += [check_volumes]
    if hasattr(estimator, "transform_donut"):
        checks += [check_donut_is_leaving_out]
    return checks


# -- data ----------------------------------------------------------------------------------


def _noisy(n_images=2, shape=(13, 17), seed=0):
    """Smooth images plus white noise, in arbitrary units around 100."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 3, size) for size in shape), indexing="ij")
    clean = 100 + 20 * np.sin(sum(axes) + np.arange(n_images).reshape(-1, *[1] * len(shape)))
    return clean + rng.normal(0, 5, clean.shape)


def _example(estimator):
    """What such an estimator denoises."""
    return counts() if get_tags(estimator).input_tags.two_d_array else _noisy()


def _with_channels(estimator):
    """A clone with ``channel_axis=-1``, wherever that parameter is."""
    name = _channel_parameter(estimator)
    return clone(estimator).set_params(**{name: -1})


def _channel_parameter(estimator):
    names = [name for name in estimator.get_params() if name.split("__")[-1] == "channel_axis"]
    return min(names, key=len, default=None)


def _takes_channels(estimator):
    return _channel_parameter(estimator) is not None


def _takes_volumes(estimator):
    try:
        clone(estimator).fit(_noisy(1, (4, 5, 6))).transform(_noisy(1, (4, 5, 6)))
    except ValueError as error:  # says so in plain words, as the bilateral filter does
        return "two spatial axes" not in str(error)
    return True


def _refuses(function, *error_types, saying=()):
    """Assert that `function` raises one of these, with a message that holds all of `saying`."""
    try:
        function()
    except error_types as error:
        message = str(error)
        assert all(part in message for part in saying), f"unhelpful message: {message}"
    else:
        raise AssertionError(
            f"expected {[error.__name__ for error in error_types]}, nothing was raised"
        )


# -- checks --------------------------------------------------------------------------------


def check_shape_kept(estimator):
    """(n_images, height, width) in, the same out, finite."""
    X = _noisy(3)
    out = run(estimator, X)
    assert isinstance(out, np.ndarray) and out.shape == X.shape
    assert np.isfinite(out).all()


def check_float_dtype_kept(estimator):
    """float16, float32 and float64 come back as they are, and agree."""
    X = _noisy().astype(np.float16)
    exact = run(estimator, X.astype(np.float64))
    for dtype, tolerance in ((np.float16, 0.5), (np.float32, 0.05), (np.float64, 0)):
        out = run(estimator, X.astype(dtype))
        assert out.dtype == dtype, f"{np.dtype(dtype)} came back as {out.dtype}"
        assert np.abs(out.astype(np.float64) - exact).max() <= tolerance


def check_other_dtypes(estimator):
    """Integers and booleans are computed, and returned, as float64, in their own units."""
    X = np.rint(_noisy())
    exact = run(estimator, X)
    for dtype in (np.uint8, np.int16, np.uint16, np.int64):
        out = run(estimator, X.astype(dtype))
        assert out.dtype == np.float64
        np.testing.assert_array_equal(out, exact)
    assert run(estimator, X.mean() < X).dtype == np.float64


def check_units_kept(estimator):
    """Denoising neither rescales nor shifts: the mean stays within the noise."""
    X = _noisy()
    assert abs(run(estimator, X).mean() - X.mean()) < 5
    assert abs(run(estimator, X + 1000).mean() - X.mean() - 1000) < 5


def check_memory_layouts(estimator):
    """Big-endian, non-contiguous and read-only arrays give the same as plain ones."""
    X = _example(estimator)
    exact = run(estimator, X)
    frozen = X.copy()
    frozen.flags.writeable = False
    spaced = np.repeat(X, 2, axis=-1)[..., ::2]
    for same in (X.astype(">f8"), np.asfortranarray(X), spaced, frozen):
        np.testing.assert_array_equal(run(estimator, same), exact)


def check_input_unmodified(estimator):
    """`fit` and `transform` leave their input alone."""
    X = _noisy()
    X[0, 3, 4] = np.nan
    before = X.copy()
    run(estimator, X)
    np.testing.assert_array_equal(X, before)


def check_missing(estimator):
    """NaN is filled in, and what is elsewhere stays sensible."""
    X = _noisy()
    X[0, 4:6, 5:8] = np.nan
    X[1, 0, 0] = np.nan
    out = run(estimator, X)
    assert np.isfinite(out).all()
    assert np.abs(out - np.nanmean(X)).max() < 100


def check_masked_array(estimator):
    """The mask of a masked array means "not measured", whatever lies under it."""
    X = _noisy()
    mask = np.zeros(X.shape, dtype=bool)
    mask[0, 2, 3] = True
    missing = np.where(mask, np.nan, X)
    X[mask] = 1e6
    np.testing.assert_array_equal(
        run(estimator, np.ma.array(X, mask=mask)), run(estimator, missing)
    )


def check_list(estimator):
    """A list of images of different sizes gives a list, and the same as one by one."""
    images = [_noisy(1, (9, 12), 1)[0], _noisy(1, (14, 8), 2)[0]]
    out = run(estimator, images)
    assert isinstance(out, list)
    assert [o.shape for o in out] == [image.shape for image in images]
    if not get_tags(estimator).requires_fit:
        for image, result in zip(images, out, strict=True):
            np.testing.assert_array_equal(run(estimator, image[None])[0], result)


def check_constant(estimator):
    """A constant image comes back as it is."""
    for value in (0.0, 7.0):
        X = np.full((1, 9, 11), value)
        np.testing.assert_allclose(run(estimator, X), X, atol=1e-3)


def check_small_sizes(estimator):
    """Any size works; only a lone pixel may be refused, as nothing else is there to see."""
    for shape in ((1, 1), (1, 2), (1, 7), (7, 1), (2, 2), (3, 5), (5, 31)):
        X = _noisy(1, shape)
        try:
            out = run(estimator, X)
        except ValueError as error:
            assert shape == (1, 1) and "nothing to see" in str(error), f"{shape}: {error}"
            continue
        assert out.shape == X.shape and np.isfinite(out).all(), shape


def check_each_image_alone(estimator):
    """A fitted estimator denoises each image for itself, whatever stands beside it."""
    X = _noisy(3)
    fitted = clone(estimator).fit(X)
    out = fitted.transform(X)
    np.testing.assert_allclose(fitted.transform(X[1:2])[0], out[1], rtol=1e-5)
    np.testing.assert_allclose(fitted.transform(X[::-1])[0], out[-1], rtol=1e-5)


def check_pickle_and_clone(estimator):
    """A pickled and a cloned estimator do what the original does."""
    X = _example(estimator)
    once = fitted(estimator, X)
    out = once.transform(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(once)).transform(X), out)
    np.testing.assert_array_equal(run(clone(once), X), out)


def check_reproducible(estimator):
    """With a fixed `random_state`, if there is one, two runs agree in every bit."""
    instance = clone(estimator)
    if "random_state" in instance.get_params():
        instance.set_params(random_state=3)
    X = _example(estimator)
    np.testing.assert_array_equal(run(instance, X), run(instance, X))


def check_global_random_state(estimator):
    """NumPy's global random state is neither used nor moved."""
    X = _example(estimator)
    state: Any = np.random.get_state()  # noqa: NPY002
    first = run(estimator, X)
    after: Any = np.random.get_state()  # noqa: NPY002
    assert state[2] == after[2] and (state[1] == after[1]).all(), "the global state moved"
    try:
        np.random.seed(1)  # noqa: NPY002
        np.testing.assert_array_equal(run(estimator, X), first)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def check_bare_image_refused(estimator):
    """A single (height, width) image gets an error that says what to do."""
    _refuses(lambda: clone(estimator).fit(_noisy()[0]), ValueError, saying=("X[None]", "(13, 17)"))


def check_bad_values_refused(estimator):
    """Complex, object and string arrays, empty and all-NaN images and infinity are refused."""
    X = _noisy()
    infinite = X.copy()
    infinite[0, 0, 0] = np.inf
    blank = X.copy()
    blank[1] = np.nan
    refused: list[Any] = [
        X.astype(complex),
        X.astype(object),
        X.astype(str),
        np.empty((0, 5, 5)),
        np.empty((2, 0, 5)),
        infinite,
        blank,
        [],
    ]
    for bad in refused:
        _refuses(lambda bad=bad: run(estimator, bad), ValueError, TypeError)


def check_score_honest(estimator):
    """The score refuses to reward looking at what is judged.

    On pure noise the best prediction is the mean, at a loss of the noise variance; a denoiser
    that peeks at the judged pixels would score better than that.
    """
    X = np.random.default_rng(5).normal(0, 1, (2, 24, 24))
    fitted, best = clone(estimator).fit(X), 1.0
    if hasattr(fitted, "held_out_partition_"):  # so few pixels that their own variance counts
        best = self_supervised_loss(np.zeros_like, X, partition=fitted.held_out_partition_)
    loss = self_supervised_loss(clone(estimator), X)
    assert loss > 0.9 * best, f"a loss of {loss:.3f} on noise of {best:.3f} is too good to be true"
    if hasattr(estimator, "score"):
        assert fitted.score(X) < -0.9 * best


def check_channels(estimator):
    """Channels last, any number of them; one channel gives what no channel gives."""
    X = np.stack([_noisy(seed=s) for s in range(3)], axis=-1)
    with_channels = _with_channels(estimator)
    out = run(with_channels, X)
    assert out.shape == X.shape and np.isfinite(out).all()
    one = run(with_channels, X[..., :1])[..., 0]
    np.testing.assert_allclose(one, run(estimator, X[..., 0]), rtol=1e-6)


def check_wrong_channel_axis_refused(estimator):
    """Another channel axis, or an image without one, gets an error that says what to do."""
    name = _channel_parameter(estimator)
    first = clone(estimator).set_params(**{name: 1})
    _refuses(lambda: run(first, np.ones((1, 3, 9, 9))), ValueError, saying=("np.moveaxis",))
    _refuses(
        lambda: run(_with_channels(estimator), _noisy()), ValueError, saying=("n_channels", "17")
    )


def check_volumes(estimator):
    """(n_images, depth, height, width) works too."""
    X = _noisy(1, (5, 6, 7))
    out = run(estimator, X)
    assert out.shape == X.shape and np.isfinite(out).all()


def check_donut_is_leaving_out(estimator):
    """`transform_donut` at a pixel is `transform` of the image in which that pixel is missing."""
    X = _noisy(1, (7, 8))
    X[0, 2, 3] = np.nan
    donut = clone(estimator).fit(X).transform_donut(X)
    slow = np.empty_like(X)
    for pair in SinglePixels().split(X):
        slow[pair.where] = run(estimator, pair.seen)[pair.where]
    np.testing.assert_allclose(donut, slow, rtol=1e-10)
