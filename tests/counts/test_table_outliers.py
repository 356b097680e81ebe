# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Spikes of a table become missing, and nothing else does."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import selfsupervised as ss


def spectra(rng, noise, shape=(1000, 120)):
    places = np.linspace(0, 1, shape[1]) - np.array([0.2, 0.4, 0.6, 0.8])[:, None]
    return rng.gamma(1, 1, (shape[0], 4)) @ np.exp(-((places / 0.07) ** 2)) * 100 + noise


@pytest.mark.parametrize("height", [100, 5000, -1e6, 1e300])
def test_spikes(rng, height):
    table = spectra(rng, rng.normal(0, 5, (1000, 120)))
    spiked, where = table.copy(), rng.choice(table.size, 20, replace=False)
    spiked.flat[where] += height
    out = ss.TableOutlierRemover().fit_transform(spiked)
    assert_array_equal(np.flatnonzero(np.isnan(out)), np.sort(where))
    kept = ~np.isnan(out)
    assert_array_equal(out[kept], spiked[kept])
    # New rows, too.
    fitted = ss.TableOutlierRemover().fit(table)
    assert_array_equal(np.isnan(fitted.transform(spiked)), ~kept)


@pytest.mark.parametrize("noise", ["normal", "laplace"])
def test_noise_and_signal_have_no_outliers(rng, noise):
    table = spectra(rng, getattr(rng, noise)(0, 5, (1000, 120)))
    assert not np.isnan(ss.TableOutlierRemover().fit_transform(table)).any()
    few = rng.normal(size=(40, 200))  # more columns than rows
    assert not np.isnan(ss.TableOutlierRemover().fit_transform(few)).any()
    exact = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 30))  # nothing but rounding
    assert not np.isnan(ss.TableOutlierRemover().fit_transform(exact)).any()


def test_rows_of_a_rare_kind_are_no_outliers(rng):
    usual = rng.normal(size=(1000, 3)) @ rng.normal(size=(3, 30))
    rare = 30 * rng.normal(size=(20, 3)) @ rng.normal(size=(3, 30))
    table = np.vstack([usual, rare]) + rng.normal(0, 0.3, (1020, 30))
    out = ss.TableOutlierRemover().fit_transform(table)
    assert np.isnan(out).mean(axis=1).max() <= 0.2
    assert np.isnan(out[1000:]).all(axis=1).sum() == 0


def test_missing_and_constant_columns(rng):
    table = rng.normal(size=(100, 8))
    table[rng.random(table.shape) < 0.1] = np.nan
    table[:, 2], table[:, 5] = np.nan, 7
    table[3, 5], table[4, 0] = 7.5, 900
    out = ss.TableOutlierRemover().fit_transform(table)
    changed = np.isnan(out) & ~np.isnan(table)
    assert_array_equal(np.argwhere(changed), [[4, 0]])
    with pytest.raises(ValueError, match="'threshold' parameter"):
        ss.TableOutlierRemover(threshold=0).fit(table)
