# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import selfsupervised as ss

pytest.importorskip("torch")
pd = pytest.importorskip("pandas")


@pytest.fixture
def counts(rng):
    return pd.DataFrame(rng.poisson(2.0, (40, 6)), columns=[f"g{i}" for i in range(6)])


def small(**params):
    return ss.NegativeBinomialAutoencoder(n_latent=2, width=8, max_steps=6, **params)


def test_autoencoder_comes_back_from_its_file(counts, tmp_path):
    denoiser = small(random_state=3).fit(counts)
    path = tmp_path / "fitted.safetensors"
    denoiser.save(path)
    for load in (ss.NegativeBinomialAutoencoder.load, ss.load):
        again = load(path)
        assert_array_equal(again.transform(counts), denoiser.transform(counts))
        assert again.get_params() == denoiser.get_params()
        assert list(again.feature_names_in_) == list(counts.columns)
        assert_array_equal(
            again.transform(counts, genes=["g3"]), denoiser.transform(counts)[:, [3]]
        )
        assert again.held_out_loss_ == denoiser.held_out_loss_
    with pytest.raises(ValueError, match="Expected Noise2SelfDenoiser"):
        ss.Noise2SelfDenoiser.load(path)


def test_autoencoder_is_the_same_twice(counts):
    first = small(random_state=3).fit_transform(counts)
    assert_array_equal(small(random_state=3).fit_transform(counts), first)
    assert np.abs(small(random_state=4).fit_transform(counts) - first).max() > 0
