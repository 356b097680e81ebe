# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Losses of all ranks from one decomposition, without a dense table.

With Z1 and Z2 two independent measurements of the same cells (n x g), and V the leading right
singular vectors of Z1, all forms predict Z2 by ``Z1 V W`` with W of shape (k, g):

    reconstruction   W = V'                                       Z1 V V'
    shrinkage        W = diag(f) V',  f_j = max(c_j, 0) / s_j     c_j = u_j' Z2 v_j
    regression       W = S^-1 U' Z2                               least squares of Z2 on Z1 V

In each, the first k rows of W do not depend on how many follow, so that one fit serves all
ranks. Regression is Noise2Self's own form, and bi-cross-validation's (Owen & Perry, 2009).
"""

import numpy as np
from scipy import linalg, sparse

from selfsupervised.evaluation.losses import SMALLEST_RATE

FORMS = {"reconstruction", "regression"}
MAX_EXACT_SIZE = 500  # samples or features up to which the decomposition is exact
N_KRYLOV_STEPS = 7  # more change no rank of the data in benchmarks/counts.py
ENTRIES_PER_BLOCK = 2**21  # entries of a dense block


def leading_axes(Z, n_components, rng):
    """Leading right singular vectors, singular values, and scores of a table.

    Parameters
    ----------
    Z : ndarray or CSR table of shape (n, g)
        Not centred.
    n_components : int
        K.
    rng : Generator
        Start of the iteration, which serves tables of more than 500 samples and features.

    Returns
    -------
    components : ndarray of shape (K, g)
        V'. The largest entry of each is positive.
    singular_values : ndarray of shape (K,)
    scores : ndarray of shape (n, K)
        Z V.
    """
    if min(Z.shape) <= max(MAX_EXACT_SIZE, 4 * n_components):
        scores, components = _exact(Z, n_components)
    else:
        scores, components = _block_krylov(Z, n_components, rng)
    signs = signs_of(components)
    scores, components = scores * signs, components * signs[:, None]
    return components, np.linalg.norm(scores, axis=0), scores


def signs_of(components):
    """The signs that make the largest entry of every row positive."""
    largest = np.abs(components).argmax(axis=1)
    return np.sign(components[np.arange(len(components)), largest])


def _exact(Z, n_components):
    n, g = Z.shape
    if n < g:
        dense = Z.toarray() if sparse.issparse(Z) else Z
        components = linalg.svd(dense, full_matrices=False)[2][:n_components]
    else:
        gram = Z.T.astype(np.float64) @ Z
        gram = gram.toarray() if sparse.issparse(gram) else gram
        axes = linalg.eigh(gram, subset_by_index=[g - n_components, g - 1])[1]
        components = axes[:, ::-1].T.astype(Z.dtype)
    return Z @ components.T, components


def _block_krylov(Z, n_components, rng):
    """The best axes (Rayleigh-Ritz) within the span of B, Z'Z B, (Z'Z)^2 B, ..., B random.

    Keeping all powers costs nothing but memory, and needs half as many products with Z as
    keeping the last one (Musco & Musco, 2015).
    """
    width = n_components // 2 + 5
    block = rng.standard_normal((Z.shape[1], width)).astype(Z.dtype)
    basis = [np.linalg.qr(block)[0]]
    images = [Z @ basis[0]]
    for _ in range(min(N_KRYLOV_STEPS, min(Z.shape) // width - 1)):
        block = Z.T @ images[-1]
        for other in [*basis, *basis]:  # twice, as once leaves rounding errors
            block -= other @ (other.T @ block)
        basis.append(np.linalg.qr(block)[0])
        images.append(Z @ basis[-1])
    image = np.hstack(images)
    gram = (image.T @ image).astype(np.float64)
    turn = np.linalg.eigh(gram)[1][:, : -n_components - 1 : -1].astype(Z.dtype)
    return image @ turn, (np.hstack(basis) @ turn).T


def fit_decoder(axes, judged, *, form, shrink):
    """W of shape (K, g), and the factor f by which each component is shrunk (1 if it is not).

    Parameters
    ----------
    axes : tuple of ndarray
        Components, singular values and scores of Z1, from `leading_axes`.
    judged : ndarray or CSR table of shape (n, g), or None
        Z2; not needed for plain reconstruction.
    form : {"reconstruction", "regression"}
    shrink : bool
    """
    components, singular_values, scores = axes
    cross = (judged.T @ scores).T if shrink or form == "regression" else None
    rounding = np.finfo(scores.dtype).eps * max(scores.shape)
    return make_decoder(
        components, singular_values, cross, rounding=rounding, form=form, shrink=shrink
    )


def make_decoder(components, singular_values, cross, *, rounding, form, shrink):
    """As `fit_decoder`, from ``cross = V' Z1' Z2`` of shape (K, g).

    Directions whose singular values are no more than `rounding` of the largest are not in the
    data, and predict nothing.
    """
    ones = np.ones_like(singular_values)
    inverse = np.zeros_like(singular_values)
    there = singular_values > rounding * singular_values.max()
    inverse[there] = 1 / singular_values[there]
    if form == "regression":
        return cross * np.square(inverse)[:, None], ones
    if not shrink:
        return components, ones
    # f_j = u_j' Z2 v_j / s_j, and u_j = Z1 v_j / s_j.
    agreement = np.einsum("ij,ij->i", cross, components)
    shrinkage = np.maximum(agreement, 0) * np.square(inverse)
    return shrinkage[:, None] * components, shrinkage


def regression_decoder(gram, cross, *, rounding):
    """W of shape (K, g) by least squares on scores that need not be orthogonal.

    Parameters
    ----------
    gram : ndarray of shape (K, K)
        V' Z1'Z1 V, for components V' of whatever table.
    cross : ndarray of shape (K, g)
        V' Z1'Z2.
    rounding : float
        As in `make_decoder`, of scores; directions that are not in the data predict nothing.

    Returns
    -------
    ndarray of shape (K, g)
    """
    return linalg.pinvh(gram, atol=0.0, rtol=rounding**2) @ cross


def squared_losses(scores, decoder, judged):
    """Squared error of every sample at every rank, summed over features.

    With a the scores of a sample and w_j the rows of the decoder, component k adds
    ``a_k (a_k w_k'w_k + 2 sum_l<k a_l w_l'w_k - 2 z'w_k)`` to ``|z|^2``.

    Returns
    -------
    ndarray of shape (n, K)
        Column k - 1 is of rank k. float64.
    """
    gram = decoder @ decoder.T
    earlier = scores @ np.triu(gram, 1)
    steps = scores * (scores * np.diag(gram) + 2 * (earlier - judged @ decoder.T))
    if sparse.issparse(judged):
        size = np.asarray(judged.multiply(judged).sum(axis=1, dtype=np.float64)).reshape(-1, 1)
    else:
        size = np.square(judged).sum(axis=1, dtype=np.float64)[:, None]
    return size + np.cumsum(steps, axis=1, dtype=np.float64)


def poisson_losses(scores, decoder, judged, to_rates):
    """Poisson loss of every sample at every rank, summed over features.

    Rates are not linear in the components, so each rank is computed, one block of samples
    after the other.

    Parameters
    ----------
    scores, decoder : ndarray of shape (n, K) and (K, g)
    judged : CSR table of shape (n, g)
        Counts.
    to_rates : callable
        ``(predictions of the samples in a slice, slice) -> expected counts``.

    Returns
    -------
    ndarray of shape (n, K)
    """
    n, n_components = scores.shape
    judged = sparse.csr_array(judged)
    step = max(1, ENTRIES_PER_BLOCK // decoder.shape[1])
    losses = np.empty((n, n_components))
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        predicted = np.zeros((part.stop - start, decoder.shape[1]), dtype=decoder.dtype)
        block = judged[part].tocoo()
        rows, columns = block.row, block.col
        for k in range(n_components):
            predicted += scores[part, k, None] * decoder[k]
            rate = np.maximum(to_rates(predicted, part), SMALLEST_RATE)
            gain = block.data * np.log(rate[rows, columns])
            losses[part, k] = rate.sum(axis=1, dtype=np.float64)
            losses[part, k] -= np.bincount(rows, gain, minlength=len(predicted))
    return losses
