# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What was done, and why, in a few sentences."""

import numpy as np

from selfsupervised.core.words import in_short


def explain(look, search, share):
    """Print what the noise is, what was taken out first, what was chosen, and how much of it.

    Parameters
    ----------
    look : Look
    search : GridSearchCV
    share : float
        Of the denoised image in the result; 0 if the image is returned as it was.
    """
    print(look.noise.describe())
    if steps := look.first_steps():
        print(f"first: {steps}")
    errors = -search.cv_results_["mean_test_score"]
    chosen = in_short(search.best_estimator_.estimator)
    if share == 0:
        why = "there is no noise to remove"
        if not look.noise.none:
            why = "nothing that was tried is sure to improve it"
        print(f"chosen: the image as it is; {why}")
        return
    error = errors[search.best_index_]
    why = "made for this noise, and no other kind had a clearly lower estimated error"
    if search.best_index_:
        why = f"estimated error {error:.6g} against {errors[0]:.6g} of the one made for this noise"
    print(f"chosen: {chosen}: {why}")
    if share < 1:
        print(f"mixed: {share:.0%} denoised, {1 - share:.0%} as it was")
    tried = int(np.isfinite(errors).sum())
    print(f"tried: {tried} of {len(errors)} candidates, by estimated error")
