# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What the parameters and attributes mean that all network denoisers share.

Their docstrings have it written out, so that editors show it; a test holds them to this.
"""

import inspect

TRAINING = """
    max_steps : int, default={max_steps}
        Steps of the optimizer.
    batch_size : int, default={batch_size}
        Crops in a step.
    patch_size : int, tuple of int or "whole", default=None
        Edge of the crops in pixels, or one for each spatial axis. By default {patch}
        (32 for volumes), or the size of the largest image if it is smaller; "whole" is that size
        however large. Of smaller images than the crops, what is missing counts as not measured.
{turns}
    lr : float, default={lr}
        Learning rate of the first step.
    optimizer : str or class, default="{optimizer}"
        A class of `torch.optim`, by name or itself.
    halvings : tuple of float, default=(0.5, 0.6, 0.7, 0.8, 0.9)
        Shares of the steps after which the learning rate is halved.
{averaging}    max_gradient_norm : float or None, default=0.5
        Longest gradient, over all weights; longer ones are shortened to it. None shortens none.
"""

TURNS = {
    False: """    augment : bool, default=True
        Whether crops are mirrored and rotated by multiples of 90 degrees at random. False suits
        noise or images that have a direction, and packed raw frames, whose channels have.""",
    True: """    augment : bool or "flips", default=True
        Whether crops are mirrored and turned by right angles at random, or mirrored only
        ("flips"), and predictions likewise.""",
}

AVERAGING = """    averaging : float, default=0.99
        What predicts is a running mean of the weights, of which this share stays at each step; 0
        averages nothing.
"""

HELD_OUT = """
    held_out : float, default=1/16
        Share of the pixels that are held out of learning, up to 0.5. Their loss decides which
        state is kept, and is what `score` reports. With 0 the last state is kept, and `score`
        fits a network anew for each subset of the pixels.
"""

SHARED = """
    patience : int, default=None
        Stop after so many steps without a smaller held-out loss, and keep the best state. By
        default all steps are taken, and the last state is kept unless an earlier one was better
        by more than the standard error of the difference.
    precision : {{"auto", "float32", "bfloat16"}}, default="auto"
        What the layers within the network compute in. "auto" is bfloat16, with channels last in
        memory, where that is faster: on GPUs of compute capability 8.0 or more, and on
        processors with tile units (AMX); else float32. With other processors "bfloat16" may be
        faster for wide networks. The last layer, what is added to it and all after it are in
        float32 always; in a module of your own, what is run by `networks.in_float32`.
    device : str, default="auto"
        "cpu", "cuda", "cuda:1", "mps"; "auto" is the best that is there.
    compile : bool, default=False
        Whether `torch.compile` compiles the network.
    callbacks : list of skorch callbacks, default=None
        Called beside the estimator's own. What counts as an epoch is a fiftieth of `max_steps`
        (at most 200 steps), followed by validation.
    warm_start : bool, default=False
        Whether `fit` goes on from the fitted network, with the same normalisation and the same
        held-out pixels, but a new optimizer and schedule.
{inference}    tile : int, default=None
        Edge of the tiles in which `transform` works, in pixels. By default images are taken
        whole up to about 2 GiB of memory.
    channel_axis : {{None, -1}}, default=None
        Whether the last axis of the images holds channels. They are denoised together.
    random_state : int, RandomState, Generator or None, default=0
        Seed of the held-out pixels, the weights of a new network, crops and masks. Torch's and
        NumPy's own random states are left alone.
    verbose : int, default=0
        0 prints nothing; from 1 on, a line on standard error shows how far training is: the step,
        both losses and steps per second.
"""

INFERENCE = """
    test_time_augmentation : bool, default=True
        Whether outputs are means over the eight mirrored and rotated views of an image, where
        training had such (`augment`). False takes an eighth of the time.
"""

ATTRIBUTES = """
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_.network`` is the torch module.
    mean_ : float
        Mean of the pixels that were not held out, in units of `X`.
    scale_ : float
        Their standard deviation; the network sees ``(X - mean_) / scale_``.
    n_channels_ : int
        Number of channels, 1 where there is no channel axis.
    n_dims_ : int
        Number of spatial axes.
    seed_ : int
        What `random_state` came to.
    held_out_fraction_ : float
        Share of the pixels that was held out.
    held_out_loss_ : float
        Mean squared error at the held-out pixels, in squared units of `X`, of the state that
        was kept, without test-time augmentation. NaN if the images are so small that none was
        held out.
    loss_curve_ : dict of ndarray of shape (n_epochs,)
        At the end of each epoch the ``"step"``, the mean ``"train_loss"``, and the
        ``"held_out_loss"``, NaN if nothing was held out. Both in squared units of `X`: the first
        is the paper's loss for normalised data, times ``scale_**2``. See `LossCurveDisplay`.
    n_steps_ : int
        Number of steps taken, including those of earlier fits with ``warm_start=True``.
"""

NOTES = """
    Score and state are chosen on pixels that the network neither saw nor was trained to
    predict, see `HeldOutPixels`. `score`, and `SelfSupervisedScorer`, judge a fitted estimator
    on those, without fitting it again; this is honest for the images that it was fitted on, in
    the same place, and for images that share no noise with them.

    Memory maps and dask, zarr and HDF5 arrays are read crop by crop in `fit`. Their mean and
    scale are those of 64 random crops. Of dask and zarr arrays, `transform` returns dask
    arrays that are computed when they are asked for.

    `transform` may be interrupted, and so may `fit`, which then keeps the best state so far,
    with a warning; in a search, cross-validation or ensemble it ends that instead.
"""


def shared_texts(cls):
    """What the docstring of a network estimator must say of what all of them share.

    Parameters
    ----------
    cls : type
        Its signature and class attributes say which defaults it has.

    Returns
    -------
    list of str
        As they stand in its source.
    """
    defaults = {name: p.default for name, p in inspect.signature(cls).parameters.items()}
    sampled = "averaging" in defaults
    training = TRAINING.format(
        patch=cls.default_patch[2],
        turns=TURNS[sampled],
        averaging=AVERAGING if sampled else "",
        **{name: defaults[name] for name in ("max_steps", "batch_size", "lr", "optimizer")},
    )
    inference = "" if sampled else INFERENCE.lstrip("\n")
    parameters = training.rstrip() + HELD_OUT.rstrip() + SHARED.format(inference=inference)
    return [text.strip() for text in (parameters, ATTRIBUTES, NOTES)]
