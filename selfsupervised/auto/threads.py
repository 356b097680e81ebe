# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Candidates are tried one by one, so each may have all cores."""


def in_all_threads(estimators):
    """The same estimators, which compute in a thread for each core where they can.

    Parameters
    ----------
    estimators : list of estimator

    Returns
    -------
    list of estimator
    """
    for estimator in estimators:
        names = [name for name in estimator.get_params() if name.split("__")[-1] == "n_jobs"]
        estimator.set_params(**dict.fromkeys(names, -1))
    return estimators
