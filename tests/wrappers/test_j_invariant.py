# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""J-invariance itself: hidden values do not change a bit of the output, peeking ones do."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import selfsupervised as ss
from cases import CLASSICAL_DENOISERS, PatchMemory, shrink_to_mean

HUGE = 1e6
PARTITIONS = [ss.PixelGrid(3), ss.RandomPixels(4)]
FILLS = ["neighbors", "uniform", "random_neighbor", 0.0]


def changed_bits(denoise, X, partition, *, n_parts=1, part=0):
    """Share of the outputs at J that change when X at J does, over all J, or every n-th."""
    before = denoise(X)
    changed = total = 0
    for pair in list(partition.split(X))[part::n_parts]:
        after = denoise(np.where(pair.where, X + HUGE, X))
        changed += (after[pair.where] != before[pair.where]).sum()
        total += pair.where.sum()
    return changed / total


@pytest.mark.parametrize(("shape", "n_parts"), [((10, 11), 4), ((4, 5, 3), 9)], ids=["2d", "3d"])
@pytest.mark.parametrize("fill", FILLS, ids=str)
@pytest.mark.parametrize("partition", PARTITIONS, ids=repr)
@pytest.mark.parametrize("estimator", CLASSICAL_DENOISERS, ids=lambda e: type(e).__name__)
def test_hidden_pixels_change_no_bit(estimator, partition, fill, shape, n_parts):
    """Each fill is tried on other J, as the fill does not know the partition."""
    if len(shape) == 3 and isinstance(estimator, ss.BilateralDenoiser):
        pytest.skip("two spatial axes only")
    X = np.random.default_rng(0).normal(size=(1, *shape))
    wrapper = ss.JInvariantWrapper(estimator, partition=partition, fill=fill)
    some = {"n_parts": n_parts, "part": FILLS.index(fill)}
    assert changed_bits(wrapper.fit_transform, X, partition, **some) == 0
    # The negative control: the same test sees what the bare denoiser does.
    assert changed_bits(estimator.fit_transform, X, partition, **some) > 0.3


@pytest.mark.parametrize("shape", [(6, 7), (4, 3, 5)], ids=["2d", "3d"])
@pytest.mark.parametrize(
    "estimator",
    [ss.MedianDenoiser(2), ss.GaussianDenoiser(1.3), ss.WaveletDenoiser(0.5)],
    ids=lambda e: type(e).__name__,
)
def test_single_pixels_change_no_bit(estimator, shape):
    """Of the one-pass forms, and of a method that has none."""
    X = np.random.default_rng(0).normal(size=(1, *shape))
    X[(0,) * X.ndim] = np.nan
    wrapper = ss.JInvariantWrapper(estimator, partition=ss.SinglePixels())
    assert changed_bits(wrapper.fit_transform, X, ss.SinglePixels(), n_parts=4) == 0
    assert changed_bits(estimator.fit_transform, X, ss.SinglePixels(), n_parts=4) > 0.5


def test_channels_change_no_bit(rng):
    X = rng.normal(size=(2, 9, 9, 3))
    for partition in (ss.PixelGrid(3), ss.PixelGrid(3, per_channel=True), ss.SinglePixels()):
        wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(channel_axis=-1), partition=partition)
        before = wrapper.fit_transform(X)
        for number, (_, _, where) in enumerate(partition.split(X, channel_axis=-1)):
            after = wrapper.fit_transform(np.where(where, X + HUGE, X))
            assert_array_equal(after[where], before[where])
            if number > 8:
                break


@pytest.mark.parametrize("estimator", [Ridge(), ss.PCARegression(2), DecisionTreeRegressor()])
def test_hidden_blocks_change_no_bit(rng, estimator):
    """Though the regressor learns from the very table that it predicts."""
    X = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 8)) + rng.normal(size=(40, 8))
    if isinstance(estimator, DecisionTreeRegressor):
        estimator.set_params(random_state=0)
    for partition in (ss.FeatureBlocks(), ss.FeatureBlocks(4, n_folds=3)):
        wrapper = ss.JInvariantWrapper(estimator, partition=partition)
        assert changed_bits(wrapper.fit_transform, X, partition) == 0

    def in_sample(X):  # the negative control: fitted and applied without a split of rows
        return clone(estimator).fit(X, X).predict(X)

    assert changed_bits(in_sample, X, ss.FeatureBlocks()) > 0


def test_hidden_molecules_are_not_seen(rng):
    """Predictions for one side are computed from the other side alone."""
    X = rng.poisson(5, (30, 6))
    shown = []

    def spy(table):
        shown.append(np.asarray(table))
        return table

    wrapper = ss.JInvariantWrapper(FunctionTransformer(spy), partition=ss.MoleculeSplit())
    out = wrapper.fit_transform(X)
    pairs = list(ss.MoleculeSplit().split(X))
    assert_array_equal(shown[0], pairs[0].seen)
    assert_array_equal(shown[1], pairs[1].seen)
    assert_allclose(out, X)  # the identity predicts each side by the other: together the whole
    judged = list(wrapper.judge(X))
    assert_array_equal(judged[0][1], pairs[0].seen)
    assert_array_equal(judged[0][0], pairs[0].judged)


def test_molecules_sparse_and_uneven(rng):
    X = rng.poisson(4, (300, 20))
    identity = FunctionTransformer(accept_sparse=True)
    dense = ss.JInvariantWrapper(identity, partition=ss.MoleculeSplit(0.9)).fit_transform(X)
    for container in (sparse.csr_matrix, sparse.csr_array):
        wrapper = ss.JInvariantWrapper(identity).fit(container(X))
        assert isinstance(wrapper.partition_, ss.MoleculeSplit)
        wrapper.set_params(partition=ss.MoleculeSplit(0.9))
        assert_allclose(wrapper.fit_transform(container(X)), dense)
    # 0.9 of the molecules predict the other 0.1 and the other way round; unbiased on the whole.
    assert dense.mean() == pytest.approx(X.mean(), rel=0.1)
    per_cell = ss.MoleculeSplit(0.8, capture_rate=np.full(300, 0.4), symmetric=False)
    out = ss.JInvariantWrapper(identity, partition=per_cell).fit_transform(X)
    assert out.mean() == pytest.approx(X.mean(), rel=0.05)


@pytest.mark.parametrize("estimator", CLASSICAL_DENOISERS, ids=lambda e: type(e).__name__)
def test_hidden_repeats_change_no_bit(rng, estimator):
    X = rng.normal(size=(2, 3, 7, 8))
    wrapper = ss.JInvariantWrapper(estimator, partition=ss.Repeats())
    assert wrapper.fit_transform(X).shape == X.shape
    assert changed_bits(wrapper.fit_transform, X, ss.Repeats()) == 0

    def with_all(X):  # the negative control: each acquisition predicted from the mean of all
        return np.repeat(estimator.transform(X.mean(axis=1))[:, None], 3, axis=1)

    assert changed_bits(with_all, X, ss.Repeats()) > 0.5


def test_number_of_repeats(rng):
    X = rng.normal(size=(2, 3, 7, 8))
    with pytest.raises(ValueError, match="fitted on 3 pairs, but X has 4"):
        ss.JInvariantWrapper(ConstantLearner(), partition=ss.Repeats()).fit(X).transform(
            rng.normal(size=(2, 4, 7, 8))
        )


class NoFit:
    def transform(self, X):
        return X

    def get_params(self, deep=True):
        return {}


class NoTags(NoFit):
    def fit(self, X):
        return self


class ConstantLearner(TransformerMixin, BaseEstimator):
    """Learns the mean of what it is shown, and keeps what that was."""

    def fit(self, X, y=None):
        self.shown_ = np.array(X)
        self.mean_ = np.mean(X)
        return self

    def transform(self, X):
        return np.full(np.shape(X), self.mean_)


def test_what_learns_learns_from_what_it_may_see(noisy):
    partition = ss.PixelGrid(4)
    wrapper = ss.JInvariantWrapper(ConstantLearner(), partition=partition, fill=-99.0)
    wrapper.fit(noisy[None])
    assert len(wrapper.estimators_) == 16
    for estimator, pair in zip(wrapper.estimators_, partition.split(noisy[None])):
        assert (estimator.shown_[pair.where] == -99).all()
    assert changed_bits(wrapper.fit_transform, noisy[None, :12, :12], partition) == 0


def test_what_computes_is_never_fitted(noisy):
    class Watched(ss.GaussianDenoiser):
        def fit(self, X, y=None):
            raise AssertionError("fitted")

    wrapper = ss.JInvariantWrapper(Watched(), partition=ss.PixelGrid(4)).fit(noisy[None])
    wrapper.transform(noisy[None])
    assert len(wrapper.estimators_) == 1


def test_random_masks_are_the_same_in_fit_and_transform(noisy):
    """Otherwise a pair's estimator would be judged on pixels that it learned from."""
    partition = ss.RandomPixels(4, random_state=None)
    wrapper = ss.JInvariantWrapper(ConstantLearner(), partition=partition, fill=-99.0)
    wrapper.fit(noisy[None])
    assert partition.random_state is None
    for estimator, pair in zip(wrapper.estimators_, wrapper.partition_.split(noisy[None])):
        assert (estimator.shown_[pair.where] == -99).all()


def test_pipelines(rng, noisy):
    two_steps = make_pipeline(ss.MedianDenoiser(1), ss.GaussianDenoiser(1))
    wrapper = ss.JInvariantWrapper(two_steps, partition=ss.PixelGrid(4))
    assert changed_bits(wrapper.fit_transform, noisy[None, :9, :9], ss.PixelGrid(4)) == 0
    colour = make_pipeline(FunctionTransformer(), ss.GaussianDenoiser(channel_axis=-1))
    X = rng.normal(size=(1, 8, 8, 3))
    assert ss.JInvariantWrapper(colour).fit_transform(X).shape == X.shape
    table = rng.normal(size=(50, 6))
    scaled = ss.JInvariantWrapper(make_pipeline(StandardScaler(), ss.PCARegression(2)))
    assert scaled.fit_transform(table).shape == table.shape


def test_any_regressor(rng):
    """One output at a time where it knows no more; missing entries are no targets."""
    X = rng.normal(size=(80, 2)) @ rng.normal(size=(2, 4))
    X[3, 1] = np.nan
    boosting = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5)
    out = ss.JInvariantWrapper(boosting).fit_transform(X)
    assert np.isfinite(out).all()
    single = ss.JInvariantWrapper(boosting, partition=ss.FeatureBlocks(4)).fit(X)
    assert type(single.estimators_[0]) is HistGradientBoostingRegressor
    assert np.isfinite(single.transform(X[:1])).all()


def test_table_transformers(rng):
    """A number, or None for those that take NaN, fills hidden columns."""
    X = rng.normal(size=(30, 6))

    blocks = ss.FeatureBlocks()
    learner = ConstantLearner()
    wrapper = ss.JInvariantWrapper(learner, partition=blocks, fill=-99.0).fit(X)
    assert wrapper.transform(X).shape == X.shape
    for estimator, pair in zip(wrapper.estimators_, wrapper.partition_.split(X), strict=True):
        assert (estimator.shown_[pair.where] == -99).all()
    nan_to_zero = FunctionTransformer(np.nan_to_num)
    assert_array_equal(
        ss.JInvariantWrapper(nan_to_zero, partition=blocks, fill=None).fit_transform(X), 0
    )
    with pytest.raises(ValueError, match="cannot fill a table by fill='neighbors'"):
        ss.JInvariantWrapper(learner, partition=blocks).fit(X)
    with pytest.raises(ValueError, match="cannot tell what is independent in a dense table"):
        ss.JInvariantWrapper(learner).fit(X)


def test_auto_partitions(noisy):
    X = noisy[None]
    assert isinstance(ss.JInvariantWrapper(ss.MedianDenoiser()).fit(X).partition_, ss.SinglePixels)
    grid = ss.JInvariantWrapper(ss.WaveletDenoiser()).fit(X).partition_
    assert grid.stride == (4, 4)
    small = ss.JInvariantWrapper(ss.WaveletDenoiser()).fit([noisy[:3], noisy[:, :2]]).partition_
    assert small.stride == (3, 2)


def test_one_pass_equals_one_pixel_at_a_time(rng):
    """The fast form and the generic one, pixel by pixel, agree."""
    X = rng.normal(size=(1, 8, 9))

    class NoOnePass(ss.FunctionDenoiser):
        _sees_missing = True

    for estimator in (ss.MedianDenoiser(2), ss.GaussianDenoiser(0.8)):
        slow = NoOnePass(lambda image, e=estimator: e.transform(image[None])[0])
        generic = ss.JInvariantWrapper(slow, partition=ss.SinglePixels(), fill=None)
        fast = ss.JInvariantWrapper(estimator)
        assert_allclose(fast.fit_transform(X), generic.fit_transform(X), rtol=1e-10)


def test_plain_functions_and_channels(noisy):
    wrapper = ss.JInvariantWrapper(shrink_to_mean).fit(noisy[None])
    assert isinstance(wrapper.estimators_[0], ss.FunctionDenoiser)
    search = ss.JInvariantWrapper(ss.JInvariantWrapper(ss.GaussianDenoiser(channel_axis=-1)))
    assert search._judge.channel_axis == -1


def test_mixing(clean):
    """Section 4.2: with the true variance the mixture is better than either, by the formula."""
    rng = np.random.default_rng(0)
    clean = np.kron(clean, np.ones((2, 2)))
    noisy = clean + rng.normal(0, 0.1, clean.shape)
    X = noisy[None]
    plain = ss.JInvariantWrapper(ss.GaussianDenoiser(1))
    f = plain.fit_transform(X)[0]
    mixed = clone(plain).set_params(mix="optimal", noise_variance=0.01)
    out = mixed.fit_transform(X)[0]
    weight = 0.01 / np.mean((f - noisy) ** 2)
    assert_allclose(out, weight * f + (1 - weight) * noisy, rtol=1e-12)
    error = [np.mean((image - clean) ** 2) for image in (out, f, noisy)]
    assert error[0] < min(error[1:])
    u, v = error[1:]
    assert error[0] == pytest.approx(u * v / (u + v), rel=0.05)
    assert mixed.score(X) == plain.score(X)  # judged without the mixture
    estimated = clone(mixed).set_params(noise_variance=None).fit_transform(X)[0]
    assert_allclose(estimated, out, atol=0.03)
    half = clone(plain).set_params(mix=0.5).fit_transform(X)[0]
    assert_allclose(half, 0.5 * (f + noisy))


def test_mixing_channels_of_unequal_noise(rng):
    """Of channels the mean of the variances counts, as the loss is a mean over them too."""
    noisy = rng.normal(0, 1, (64, 64, 2)) * (1, 5)
    smooth = ss.GaussianDenoiser(4, channel_axis=-1)
    known = ss.JInvariantWrapper(smooth, mix="optimal", noise_variance=13.0)
    estimated = clone(known).set_params(noise_variance=None)
    weights = []
    for wrapper in (known, estimated):
        f = clone(wrapper).set_params(mix=None).fit_transform(noisy[None])[0]
        out = wrapper.fit_transform(noisy[None])[0]
        weights.append(np.median((out - noisy) / (f - noisy)))
    assert weights[1] == pytest.approx(weights[0], rel=0.08)  # (1 + 25) / 2, not ((1 + 5) / 2)**2


def half_striped(rng):
    """Flat on the left, on the right stripes that no smoothing leaves; brightness 0.5 to 1.5."""
    clean = np.add.outer(np.linspace(0.5, 1.5, 128), np.zeros(128))
    clean[:, 64:] += 0.3 * (-1.0) ** np.arange(64)
    return clean, clean + rng.normal(0, 0.1, clean.shape)


def test_local_mixing(rng):
    """Each place has the weight of its own loss."""
    clean, noisy = half_striped(rng)
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(2), noise_variance=0.01)
    f, overall, local = (
        clone(wrapper).set_params(mix=mix).fit_transform(noisy[None])[0]
        for mix in (None, "optimal", "local")
    )
    errors = [np.mean((out - clean) ** 2) for out in (f, noisy, overall, local)]
    assert errors[3] < 0.75 * min(errors[:3])
    weight = (local - noisy) / (f - noisy)
    flat, striped = (np.median(part) for part in (weight[:, :40], weight[:, 88:]))
    assert flat > 0.85
    loss = np.mean((f - noisy)[:, 88:] ** 2)
    assert striped == pytest.approx(0.01 / loss, rel=0.1)
    # Negative control: where all places are alike there is nothing to gain.
    clean, noisy = (image[:, :64] for image in (clean, noisy))
    overall, local = (
        clone(wrapper).set_params(mix=mix).fit_transform(noisy[None])[0]
        for mix in ("optimal", "local")
    )
    assert np.mean((local - clean) ** 2) > 0.95 * np.mean((overall - clean) ** 2)


def test_local_mixing_knows_noise_that_grows_with_the_signal(rng):
    clean = np.outer(np.linspace(2, 60, 128), np.ones(128)) + 10 * np.eye(128)
    noisy = rng.poisson(clean)[None].astype(float)
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(2))
    mixed = {
        mix: np.mean((clone(wrapper).set_params(mix=mix).fit_transform(noisy) - clean) ** 2)
        for mix in (None, "optimal", "local")
    }
    assert mixed["local"] < min(mixed[None], mixed["optimal"])


def test_local_mixing_elsewhere(rng):
    X = rng.normal(size=(1, 20, 22, 3))
    X[0, 3, 3, 1] = np.nan
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(channel_axis=-1))
    f = wrapper.fit_transform(X)
    out = clone(wrapper).set_params(mix="local", noise_variance=0.4).fit_transform(X)
    assert out[0, 3, 3, 1] == f[0, 3, 3, 1]
    weight = ((out - X) / (f - X))[0, 10:]
    assert_allclose(weight[..., 0], weight[..., 1], rtol=1e-6)  # one for all channels
    assert weight.std() > 1e-3
    volume = rng.normal(size=(1, 9, 10, 11))
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(), mix="local")
    assert np.isfinite(wrapper.fit_transform(volume)).all()
    constant = np.ones((1, 6, 6))
    assert_array_equal(wrapper.fit_transform(constant), constant)
    with pytest.raises(ValueError, match="mix='local' is for images"):
        ss.JInvariantWrapper(Ridge(), mix="local").fit_transform(rng.normal(size=(50, 4)))


def test_mixing_elsewhere(rng):
    X = rng.normal(size=(1, 9, 9))
    X[0, 3, 3] = np.nan
    wrapper = ss.JInvariantWrapper(ss.MedianDenoiser(1), mix=0.0)
    out = wrapper.fit_transform(X)
    assert np.isfinite(out).all()
    assert_array_equal(out[~np.isnan(X)], X[~np.isnan(X)])
    constant = np.ones((1, 6, 6))
    optimal = ss.JInvariantWrapper(ss.MedianDenoiser(), mix="optimal")
    assert_array_equal(optimal.fit_transform(constant), constant)
    table = rng.normal(size=(50, 4))
    known = ss.JInvariantWrapper(Ridge(), mix="optimal", noise_variance=0.5)
    assert known.fit_transform(table).shape == table.shape
    with pytest.raises(ValueError, match="on a table needs noise_variance"):
        ss.JInvariantWrapper(Ridge(), mix="optimal").fit_transform(table)
    with pytest.raises(ValueError, match="use mix=None"):
        ss.JInvariantWrapper(
            FunctionTransformer(), partition=ss.MoleculeSplit(), mix=0.5
        ).fit_transform(rng.poisson(3, (5, 5)))


def test_threads(noisy):
    wrapper = ss.JInvariantWrapper(ss.TotalVariationDenoiser())
    threaded = clone(wrapper).set_params(n_jobs=2)
    assert_array_equal(threaded.fit_transform(noisy[None]), wrapper.fit_transform(noisy[None]))


def test_lists_pickle_repr(noisy):
    images = [noisy[:20], noisy[:, :30]]
    wrapper = ss.JInvariantWrapper(ss.TotalVariationDenoiser(), mix="optimal").fit(images)
    out = wrapper.transform(images)
    again = pickle.loads(pickle.dumps(wrapper)).transform(images)
    for a, b in zip(out, again):
        assert_array_equal(a, b)
    html = wrapper._repr_html_()
    assert "TotalVariationDenoiser" in html
    assert "JInvariantWrapper" in html
    assert "estimator__weight" in wrapper.get_params()
    partition = ss.JInvariantWrapper(ss.WaveletDenoiser(), partition=ss.PixelGrid(2))
    assert partition.set_params(partition__stride=3).partition.stride == 3


@pytest.mark.parametrize(
    ("wrapper", "error", "message"),
    [
        (ss.JInvariantWrapper(3), TypeError, "fit and transform or predict, or a function.*got 3"),
        (ss.JInvariantWrapper(ss.MedianDenoiser), TypeError, r"pass MedianDenoiser\(\)"),
        (ss.JInvariantWrapper("median"), TypeError, "got 'median'"),
        (ss.JInvariantWrapper(StandardScaler), TypeError, "got the class StandardScaler"),
        (
            ss.JInvariantWrapper(ss.MedianDenoiser(), partition="grid"),
            ValueError,
            r"'auto' or an object such as PixelGrid\(4\); got 'grid'",
        ),
        (
            ss.JInvariantWrapper(ss.MedianDenoiser(), partition=4),
            TypeError,
            "methods split and get_n",
        ),
        (ss.JInvariantWrapper(ss.MedianDenoiser(), fill="zero"), ValueError, "fill to be"),
        (ss.JInvariantWrapper(ss.MedianDenoiser(), mix=2), ValueError, "number from 0 to 1"),
        (ss.JInvariantWrapper(ss.MedianDenoiser(), mix="best"), ValueError, "'optimal'"),
        (
            ss.JInvariantWrapper(ss.MedianDenoiser(), noise_variance=-1),
            ValueError,
            "noise_variance to be a finite number >= 0",
        ),
        (
            ss.JInvariantWrapper(ss.WaveletDenoiser(), partition=ss.PixelGrid(99)),
            ValueError,
            "stride=99 is larger than the image",
        ),
        (ss.JInvariantWrapper(lambda image: image[:2]), ValueError, r"shape \(64, 64\), got"),
        (
            ss.JInvariantWrapper(ss.WaveletDenoiser(channel_axis=2)),
            ValueError,
            "channel_axis=None .* or -1",
        ),
    ],
)
def test_errors(noisy, wrapper, error, message):
    with pytest.raises(error, match=message):
        wrapper.fit_transform(noisy[None])


@pytest.mark.parametrize(
    ("wrapper", "grid", "message"),
    [
        (ss.JInvariantWrapper(shrink_to_mean), "estimator__sigma", "kw_args of a FunctionDenoiser"),
        (ss.JInvariantWrapper(ss.MedianDenoiser()), "partition__stride", r"such as PixelGrid\(\)"),
        (
            ss.JInvariantWrapper(ss.MedianDenoiser()),
            "estimator__sigma",
            "parameter 'sigma'",
        ),
        (ss.JInvariantWrapper(ss.MedianDenoiser()), "radius", "Invalid parameter 'radius'"),
    ],
)
def test_parameters_that_do_not_exist(wrapper, grid, message):
    with pytest.raises(ValueError, match=message):
        clone(wrapper).set_params(**{grid: 2})


def test_tables_with_gaps_and_masks(rng):
    """A number fills them for regressors, a mask is a gap, and NaN is refused otherwise."""
    X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 8))
    gaps = np.where(rng.random(X.shape) < 0.05, np.nan, X)
    filled = ss.JInvariantWrapper(ss.PCARegression(3), fill=0.0)
    out = filled.fit_transform(gaps)
    assert np.isfinite(out).all()
    masked = np.ma.array(np.where(np.isnan(gaps), 1e6, gaps), mask=np.isnan(gaps))
    assert_array_equal(filled.fit_transform(masked), out)
    with pytest.raises(ValueError, match="contains NaN"):
        ss.JInvariantWrapper(ss.PCARegression(3)).fit(gaps)


def test_functions_of_counts(rng):
    X = rng.poisson(5, (20, 6))
    wrapper = ss.JInvariantWrapper(lambda counts: 0.5 * counts, partition=ss.MoleculeSplit())
    assert_allclose(wrapper.fit_transform(X), 0.5 * X)
    assert_allclose(wrapper.fit_transform(sparse.csr_array(X)), 0.5 * X)


def test_more_errors(rng, noisy):
    with pytest.raises(ValueError, match=r"X\[None\]"):
        ss.JInvariantWrapper(FunctionTransformer(), partition=ss.PixelGrid(4)).fit(noisy)
    with pytest.raises(ValueError, match="stride=99 is larger"):
        ss.JInvariantWrapper(ss.WaveletDenoiser(), partition=ss.PixelGrid(99)).fit(noisy[None])
    with pytest.raises(ValueError, match="per_channel=False"):
        ss.JInvariantWrapper(ss.WaveletDenoiser(), partition=ss.PixelGrid(4, per_channel=True)).fit(
            noisy[None]
        )
    cut = FunctionTransformer(lambda images: [image[:3] for image in images])
    with pytest.raises(ValueError, match="return the shape it was given"):
        ss.JInvariantWrapper(cut).fit([noisy, noisy[:9]]).transform([noisy, noisy[:9]])
    for refused, why in (
        (LogisticRegression(), "got the classifier"),
        (NoTags(), "derived from sklearn.base.BaseEstimator"),
        (NoFit(), "expected an estimator with fit"),
    ):
        with pytest.raises(TypeError, match=why):
            ss.JInvariantWrapper(refused).fit(noisy[None])
    with pytest.raises(ValueError, match=r"X\[None\]"):
        ss.JInvariantWrapper(ss.MedianDenoiser()).fit(noisy)
    with pytest.raises(ValueError, match="needs partition=FeatureBlocks"):
        ss.JInvariantWrapper(Ridge(), partition=ss.MoleculeSplit()).fit(rng.normal(size=(9, 4)))
    with pytest.raises(ValueError, match="n_samples=1; Ridge needs more samples"):
        ss.JInvariantWrapper(Ridge()).fit(rng.normal(size=(1, 4)))
    with pytest.raises(
        ValueError, match=r"return the shape it was given, \(30, 6\); got \(30, 2\)"
    ):
        ss.JInvariantWrapper(TruncatedSVD(2), partition=ss.MoleculeSplit()).fit_transform(
            rng.poisson(5, (30, 6))
        )
    with pytest.raises(ValueError, match="nothing to see"):
        ss.JInvariantWrapper(ss.WaveletDenoiser()).fit_transform(np.ones((1, 1, 1)))


def test_memory_of_the_image_is_useless(noisy):
    """A wrapped denoiser that returns what it was fitted on returns the filled-in pixels."""
    wrapper = ss.JInvariantWrapper(PatchMemory(), partition=ss.PixelGrid(4))
    blur = ss.JInvariantWrapper(ss.GaussianDenoiser(1))
    assert wrapper.fit(noisy[None]).score(noisy[None]) < blur.fit(noisy[None]).score(noisy[None])
