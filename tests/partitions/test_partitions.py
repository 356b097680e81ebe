# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.ndimage import binary_dilation
from skimage.morphology import ball, disk
from sklearn.base import clone

import selfsupervised as ss
from selfsupervised.partitions.footprint import as_footprint
from selfsupervised.partitions.stratified import draw_stratified

PIXEL_PARTITIONS = [
    ss.PixelGrid(2),
    ss.PixelGrid(4),
    ss.PixelGrid(3, per_channel=True),
    ss.StratifiedPixels(2),
    ss.StratifiedPixels(3, per_channel=True),
    ss.RandomPixels(5),
    ss.RandomPixels(5, per_channel=True),
    ss.SinglePixels(),
]


def is_partition(pairs, X):
    """Whether the pairs hide every entry exactly once, and only what they judge."""
    times = np.zeros(X.shape, dtype=int)
    for seen, judged, where in pairs:
        times += where
        assert np.isnan(seen[where]).all()
        assert_array_equal(seen[~where], X[~where])
        assert_array_equal(judged, X[where])
    return (times == 1).all()


@pytest.mark.parametrize("partition", PIXEL_PARTITIONS, ids=repr)
@pytest.mark.parametrize(
    ("shape", "channel_axis"), [((2, 6, 7), None), ((1, 4, 5, 6), None), ((2, 6, 5, 3), -1)]
)
def test_pixels_are_hidden_exactly_once(rng, partition, shape, channel_axis):
    if channel_axis is None and getattr(partition, "per_channel", False):
        partition = clone(partition).set_params(per_channel=False)
    X = rng.normal(size=shape)
    pairs = list(partition.split(X, channel_axis=channel_axis))
    assert len(pairs) == partition.get_n_splits(X, channel_axis=channel_axis)
    assert is_partition(pairs, X)


def test_shared_and_own_masks_of_channels(rng):
    X = rng.normal(size=(1, 8, 8, 3))
    shared = next(ss.PixelGrid(4).split(X, channel_axis=-1)).where
    assert (shared == shared[..., :1]).all()
    own = next(ss.PixelGrid(4, per_channel=True).split(X, channel_axis=-1)).where
    assert own.sum() == shared.sum()
    assert (own.sum(axis=-1) <= 1).all()


def test_grid_places():
    where = next(ss.PixelGrid((2, 3)).split(np.ones((1, 4, 6)))).where[0]
    assert_array_equal(np.argwhere(where), [[0, 0], [0, 3], [2, 0], [2, 3]])


def test_lists_of_images(rng):
    images = [rng.normal(size=(8, 9)), rng.normal(size=(12, 7))]
    for partition in (ss.PixelGrid(3), ss.RandomPixels(4)):
        for number, image in enumerate(images):
            for pair, alone in zip(partition.split(images), partition.split(image[None])):
                assert_array_equal(pair.where[number], alone.where[0])
                assert_array_equal(pair.seen[number], alone.seen[0])
        for pair in partition.split(images):
            assert_array_equal(pair.select(images), pair.judged)


def test_not_measured_is_never_seen_as_judged(rng):
    X = rng.normal(size=(1, 8, 8))
    X[0, 0, 0] = np.nan
    pair = next(ss.PixelGrid(4).split(X))
    assert np.isnan(pair.judged).sum() == 1
    assert pair.where[0, 0, 0]


def test_random_pixels_by_seed_and_shape(rng):
    X = rng.normal(size=(3, 10, 10))
    masks = [next(ss.RandomPixels(4, random_state=s).split(X)).where for s in (0, 0, 1)]
    assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()
    assert_array_equal(masks[0][0], masks[0][2])
    sizes = [pair.where[0].sum() for pair in ss.RandomPixels(7).split(X)]
    assert max(sizes) - min(sizes) <= 1
    for state in (None, np.random.RandomState(0), np.random.default_rng(0)):
        assert len(list(ss.RandomPixels(4, random_state=state).split(X))) == 4


@pytest.mark.parametrize("shape", [(2, 3, 56, 70), (1, 2, 12, 18, 24)])
def test_one_pixel_of_each_box_is_drawn(shape, rng):
    mask = draw_stratified(shape, 0.005, rng)
    edge = 14 if len(shape) == 4 else 6
    boxes = mask.reshape(-1, *shape[2:])
    for axis in range(1, boxes.ndim):
        boxes = np.add.reduceat(boxes.astype(int), range(0, boxes.shape[axis], edge), axis=axis)
    assert (boxes == 1).all()
    planes = mask.reshape(shape[0] * shape[1], -1)
    assert len(np.unique(planes, axis=0)) == len(planes)
    assert draw_stratified((1, 1, 3, 3), 0.005, rng).sum() <= 1


@pytest.mark.parametrize(
    ("stride", "shape"), [(2, (8, 12)), (3, (9, 6)), ((2, 1, 3), (4, 5, 6)), (2, (7, 1))]
)
def test_stratified_pixels(stride, shape):
    """Each whole box has one pixel of each subset, in an order of its own."""
    partition = ss.StratifiedPixels(stride)
    labels, n = partition.labels(shape), partition.n_subsets_for([shape])
    strides = np.broadcast_to(stride, len(shape))
    boxes = [
        labels[tuple(slice(s * i, s * (i + 1)) for s, i in zip(strides, corner))].ravel()
        for corner in np.ndindex(*(size // s for s, size in zip(strides, shape)))
    ]
    assert all(sorted(box) == list(range(n)) for box in boxes)
    assert len({tuple(box) for box in boxes}) > len(boxes) / 3 or not boxes
    assert_array_equal(labels, partition.labels(shape))
    other = ss.StratifiedPixels(stride, random_state=1).labels(shape)
    assert (labels != other).any()


def test_hidden_pixels_of_boxes_have_more_visible_neighbours():
    """What it is for, beside random pixels; and it is not the grid, where all are the same."""
    hidden_neighbours = {}
    for partition in (ss.StratifiedPixels(2), ss.RandomPixels(4), ss.PixelGrid(2)):
        labels = partition.labels((200, 200))
        same = [labels == np.roll(labels, step, axis) for step in (1, -1) for axis in (0, 1)]
        hidden_neighbours[type(partition).__name__] = np.mean(same)
    assert hidden_neighbours["RandomPixels"] == pytest.approx(1 / 4, abs=0.01)
    assert hidden_neighbours["StratifiedPixels"] == pytest.approx(1 / 8, abs=0.01)
    assert hidden_neighbours["PixelGrid"] == 0


def test_feature_blocks(rng):
    X = rng.normal(size=(30, 9))
    partition = ss.FeatureBlocks(3, n_folds=2)
    pairs = list(partition.split(X))
    assert len(pairs) == partition.get_n_splits(X) == 6
    assert is_partition(pairs, X)
    for pair in pairs:
        assert pair.columns.sum() == 3
        assert not pair.where[:, ~pair.columns].any()


def test_feature_blocks_fold_of_a_row_is_its_own(rng):
    X = rng.normal(size=(30, 6))
    order = rng.permutation(30)
    for pair, shuffled in zip(ss.FeatureBlocks().split(X), ss.FeatureBlocks().split(X[order][:20])):
        assert_array_equal(pair.where[order][:20], shuffled.where)
    # Nor does it depend on the judged values, the precision, or on the sign of a zero.
    single = ss.FeatureBlocks().split(X.astype(np.float32))
    for pair, same in zip(ss.FeatureBlocks().split(X), single, strict=True):
        assert_array_equal(pair.where, same.where)
    pair = next(ss.FeatureBlocks().split(X))
    changed = X + 1e6 * pair.where
    assert_array_equal(next(ss.FeatureBlocks().split(changed)).where, pair.where)
    assert_array_equal(
        next(ss.FeatureBlocks().split(X * 0.0)).where,
        next(ss.FeatureBlocks().split(X * -0.0)).where,
    )


def test_contiguous_feature_blocks_with_a_gap(rng):
    X = rng.normal(size=(30, 20))
    partition = ss.FeatureBlocks(10, contiguous=True, gap=2)
    pairs = list(partition.split(X))
    assert (np.sum([pair.where for pair in pairs], axis=0) == 1).all()
    for pair in pairs:
        block, beside = np.flatnonzero(pair.columns), np.flatnonzero(pair.beside)
        assert block.tolist() == list(range(block[0], block[0] + 2))
        assert np.abs(block[:, None] - beside).min() == 3
        assert np.isnan(pair.seen[pair.where.any(axis=1)][:, ~pair.beside]).all()
        assert_array_equal(pair.seen[~pair.where.any(axis=1)], X[~pair.where.any(axis=1)])


def test_many_feature_blocks_share_folds_that_what_is_hidden_does_not_tell(rng):
    X = rng.normal(size=(40, 24))
    for partition in (ss.FeatureBlocks(24), ss.FeatureBlocks(8, contiguous=True, gap=2)):
        blocks = partition.blocks(X)
        assert len({id(block.fold_of) for block in blocks}) == 2
        for number, block in enumerate(blocks):
            changed = X + 1e6 * ~block.beside
            assert_array_equal(partition.blocks(changed)[number].fold_of, block.fold_of)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_repeats(rng, axis):
    X = np.moveaxis(rng.normal(size=(2, 3, 5, 6)), 1, axis)
    pairs = list(ss.Repeats(axis).split(X))
    assert len(pairs) == ss.Repeats(axis).get_n_splits(X) == 3
    for number, (seen, judged, where) in enumerate(pairs):
        others = np.delete(X, number, axis=axis).mean(axis=axis)
        np.testing.assert_allclose(seen, others, rtol=1e-12)
        assert_array_equal(judged, X[where])
        assert_array_equal(judged, np.take(X, number, axis=axis).ravel())


def test_repeats_checks_first():
    with pytest.raises(ValueError, match="axes 1 to 3"):
        ss.Repeats(5).get_n_splits(np.ones((2, 3, 4, 4)))


def test_repeats_missing():
    X = np.array([1.0, 2.0, np.nan]).reshape(1, 3, 1, 1) * np.ones((1, 3, 2, 2))
    seen = [pair.seen[0, 0, 0] for pair in ss.Repeats().split(X)]
    assert_array_equal(seen, [2, 1, 1.5])
    X[:, 1] = np.nan
    assert np.isnan(next(ss.Repeats().split(X)).seen).all()


FOOTPRINTS = [
    "horizontal",
    "vertical",
    "disk",
    np.array([[0, 0, 0], [1, 1, 1], [0, 0, 1]]),
]


@pytest.mark.parametrize("footprint", FOOTPRINTS, ids=str)
@pytest.mark.parametrize(
    "partition",
    [
        ss.PixelGrid(6),
        ss.StratifiedPixels(6),
        ss.RandomPixels(20),
        ss.PixelGrid(6, per_channel=True),
    ],
    ids=repr,
)
def test_footprint_hides_neighbors_and_judges_pixels(rng, partition, footprint):
    X = rng.normal(size=(2, 12, 13, 3))
    plain = list(partition.split(X, channel_axis=-1))
    partition = clone(partition).set_params(footprint=footprint)
    pairs = list(partition.split(X, channel_axis=-1))
    assert len(pairs) == partition.get_n_splits(X, channel_axis=-1)
    window = as_footprint(footprint, 2, owner="")
    for pair, without in zip(pairs, plain, strict=True):
        assert_array_equal(pair.where, without.where)
        assert_array_equal(pair.judged, X[pair.where])
        hidden = np.stack(
            [binary_dilation(pair.where[..., c], window[None]) for c in range(3)], axis=-1
        )
        assert_array_equal(np.isnan(pair.seen), hidden)
        assert_array_equal(pair.seen[~hidden], X[~hidden])


def test_footprints_by_name():
    assert_array_equal(
        np.argwhere(as_footprint("horizontal", 2, owner="")), [[0, i] for i in range(5)]
    )
    assert as_footprint("horizontal", 3, owner="").shape == (1, 1, 5)
    assert as_footprint("vertical", 3, owner="").shape == (1, 5, 1)
    assert_array_equal(as_footprint("disk", 2, owner=""), disk(2))
    assert_array_equal(as_footprint("disk", 3, owner=""), ball(2))
    assert as_footprint(np.zeros((3, 3), dtype=int), 2, owner="").sum() == 1  # the pixel itself
    pair = next(ss.PixelGrid(4, footprint="disk").split(np.ones((1, 4, 8, 8))))
    assert np.isnan(pair.seen).sum() > 8 * pair.where.sum()
    pair = next(ss.PixelGrid(3, footprint="disk").split([np.ones((9, 9)), np.ones((9, 12))]))
    assert [np.isnan(seen).any() for seen in pair.seen] == [True, True]


@pytest.mark.parametrize("footprint", FOOTPRINTS, ids=str)
@pytest.mark.parametrize("fill", ["neighbors", "uniform", "random_neighbor", None])
@pytest.mark.parametrize("denoiser", [ss.GaussianDenoiser(1), ss.MedianDenoiser(2)], ids=repr)
def test_output_never_saw_the_footprint(noisy, denoiser, fill, footprint):
    X = noisy[None, :20, :20]
    partition = ss.PixelGrid(6, footprint=footprint)
    wrapper = ss.JInvariantWrapper(denoiser, partition=partition, fill=fill).fit(X)
    before = wrapper.transform(X)[0, 10, 9]
    at = np.zeros((20, 20), dtype=bool)
    at[10, 9] = True
    window = binary_dilation(at, as_footprint(footprint, 2, owner=""))
    assert wrapper.transform(X + 1e6 * window)[0, 10, 9] == before
    # The negative control: neighbours are seen where they are not in the footprint.
    wrapper.set_params(partition=ss.PixelGrid(6)).fit(X)
    changed = wrapper.transform(X + 1e6 * (window & ~at))[0, 10, 9]
    assert changed != wrapper.transform(X)[0, 10, 9]


def test_footprint_of_single_pixels_takes_no_one_pass_form(noisy):
    class Crosses(ss.SinglePixels):
        footprint = "disk"

    X = noisy[None, :8, :8]
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(), partition=Crosses()).fit(X)
    changed = X.copy()
    changed[0, 4, 3:6] += 1e6
    assert wrapper.transform(changed)[0, 4, 4] == wrapper.transform(X)[0, 4, 4]


def test_what_is_hidden_along_an_axis():
    shape = (12, 12, 3)

    def along(partition):
        return [partition.hides_along(axis, shape, channel_axis=-1) for axis in (0, 1)]

    assert along(ss.PixelGrid()) == along(ss.RandomPixels()) == [False, False]
    assert along(ss.PixelGrid(footprint="horizontal")) == [False, True]
    assert along(ss.PixelGrid(footprint="vertical")) == [True, False]
    assert along(ss.RandomPixels(footprint="disk")) == [True, True]
    assert along(ss.PixelGrid(footprint=[[True, True, False]])) == [False, False]
    assert along(ss.PixelGrid((4, 1))) == [False, True]  # whole rows at once
    assert along(ss.PixelGrid((4, 1), per_channel=True)) == [False, True]


def test_third_party_partition(noisy):
    """The protocol in a few lines: rows take turns."""

    class Rows(ss.PixelPartition):
        def n_subsets_for(self, shapes):
            return 3

        def labels(self, shape):
            return np.arange(shape[0])[:, None] % 3 * np.ones(shape, dtype=int)

    assert is_partition(Rows().split(noisy[None]), noisy[None])
    wrapper = ss.JInvariantWrapper(ss.GaussianDenoiser(), partition=Rows())
    assert wrapper.fit_transform(noisy[None]).shape == (1, 64, 64)
    with pytest.raises(NotImplementedError, match="must implement labels"):
        ss.PixelPartition().labels((2, 2))
    with pytest.raises(NotImplementedError, match="must implement n_subsets_for"):
        ss.PixelPartition().n_subsets_for([(2, 2)])


@pytest.mark.parametrize(
    ("partition", "X", "message"),
    [
        (ss.PixelGrid(1), np.ones((1, 4, 4)), "stride=1 hides every pixel .* nothing to see"),
        (ss.PixelGrid(5), np.ones((1, 4, 4)), r"stride=5 is larger than the image .*\(4, 4\)"),
        (ss.PixelGrid((2, 2, 2)), np.ones((1, 4, 4)), "3 strides for images of 2 spatial axes"),
        (ss.PixelGrid(0), np.ones((1, 4, 4)), "positive integer.* got 0"),
        (ss.PixelGrid(2.5), np.ones((1, 4, 4)), "positive integer.* got 2.5"),
        (ss.PixelGrid(True), np.ones((1, 4, 4)), "positive integer.* got True"),
        (ss.StratifiedPixels(1), np.ones((1, 4, 4)), "StratifiedPixels with stride=1 hides every"),
        (ss.StratifiedPixels(4), np.ones((1, 1, 1)), "nothing to see: use more subsets"),
        (ss.RandomPixels(1), np.ones((1, 4, 4)), "at least 2, since .* nothing to see; got 1"),
        (ss.RandomPixels("a"), np.ones((1, 4, 4)), "integer of at least 2"),
        (ss.PixelGrid(2, per_channel=True), np.ones((1, 4, 4)), "images without channels"),
        (ss.RandomPixels(2.0), np.ones((1, 4, 4)), "integer of at least 2"),
        (ss.RandomPixels(4), np.ones((1, 1, 1)), "nothing to see: use more subsets"),
        (ss.SinglePixels(), np.ones((1, 1, 1)), "nothing to see"),
        (ss.PixelGrid(2), np.ones((4, 4)), r"X\[None\]"),
        (ss.PixelGrid(2, footprint="disk"), np.ones((1, 8, 8)), "nothing to see.* a smaller foot"),
        (ss.PixelGrid(footprint="square"), np.ones((1, 8, 8)), "one of .*'disk'.* got 'square'"),
        (ss.PixelGrid(footprint=[[2.5]]), np.ones((1, 8, 8)), "array of bool; got"),
        (ss.PixelGrid(footprint=[[2]]), np.ones((1, 8, 8)), "array of bool; got"),
        (
            ss.RandomPixels(footprint=[[1, 1]]),
            np.ones((1, 8, 8)),
            r"odd sizes.* got shape \(1, 2\)",
        ),
        (ss.RandomPixels(footprint=[1, 1, 1]), np.ones((1, 8, 8)), "2 axes of odd sizes"),
        (ss.FeatureBlocks(3), np.ones((5, 2)), "2 feature.*nothing to see"),
        (ss.FeatureBlocks(), np.ones((5, 2, 2)), "use PixelGrid"),
        (ss.FeatureBlocks(1), np.ones((5, 2)), "n_blocks to be an integer of at least 2"),
        (ss.FeatureBlocks(n_folds=1), np.ones((5, 2)), "n_folds to be an integer"),
        (ss.Repeats(), np.ones((2, 1, 4, 4)), "two or more acquisitions along axis 1, got 1"),
        (ss.Repeats(4), np.ones((2, 3, 4, 4)), "axes 1 to 3 .* got axis=4"),
        (ss.Repeats(0), np.ones((2, 3, 4, 4)), "axes 1 to 3 .* got axis=0"),
        (ss.Repeats(-4), np.ones((2, 3, 4, 4)), "axes 1 to 3"),
    ],
)
def test_errors(partition, X, message):
    with pytest.raises(ValueError, match=message):
        list(partition.split(X))
