# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What was done, and why, in a few sentences."""

import numpy as np

from selfsupervised.core.words import in_short


def in_words(look, search, share):
    """What the noise is, what was taken out first, what was chosen, and how much of it.

    Parameters
    ----------
    look : Look
    search : GridSearchCV
    share : float
        Of the denoised image in the result; 0 if the image is returned as it was.

    Returns
    -------
    str
        A line for each.
    """
    lines = [look.noise.describe()]
    if steps := look.first_steps():
        lines.append(f"first: {steps}")
    errors = -search.cv_results_["mean_test_score"]
    chosen = in_short(search.best_estimator_.estimator)
    if share == 0:
        why = "there is no noise to remove"
        if not look.noise.none:
            why = "nothing that was tried is sure to improve it"
        return "\n".join([*lines, f"chosen: the image as it is; {why}"])
    error = errors[search.best_index_]
    why = "made for this noise, and no other kind had a clearly lower estimated error"
    if search.best_index_:
        why = f"estimated error {error:.6g} against {errors[0]:.6g} of the one made for this noise"
    lines.append(f"chosen: {chosen}: {why}")
    if share < 1:
        lines.append(f"mixed: {share:.0%} denoised, {1 - share:.0%} as it was")
    tried = int(np.isfinite(errors).sum())
    lines.append(f"tried: {tried} of {len(errors)} candidates, by estimated error")
    return "\n".join(lines)
