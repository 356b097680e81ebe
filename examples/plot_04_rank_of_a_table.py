# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""
The rank of a noisy table
=========================

More principal components always fit better, even on held-out rows. Predicting columns from
other columns does not have this flaw (Owen & Perry, 2009).
"""

# %%
import numpy as np
from sklearn.model_selection import GridSearchCV

import selfsupervised as ss

rng = np.random.default_rng(0)
signal = rng.normal(size=(400, 5)) @ rng.normal(size=(5, 60))
table = signal + rng.normal(0, 2, signal.shape)

# %%
# The wrapper fits one regressor for each block of columns and each half of the rows, and
# never predicts a row by a regressor that learned from it.
search = GridSearchCV(
    ss.JInvariantWrapper(ss.PCARegression()),
    {"estimator__n_components": range(1, 11)},
    cv=ss.SameSplit(),
    error_score="raise",
).fit(table)
for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"]):
    error = np.mean(
        (search.best_estimator_.set_params(**params).fit_transform(table) - signal) ** 2
    )
    print(f"{params}: loss {-score:.4f}, true error + noise variance {error + 4:.4f}")
print("chosen:", search.best_params_)

# %%
# The loss is least at the rank of the signal.
display = ss.CalibrationDisplay.from_estimator(search)
