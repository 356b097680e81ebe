# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Examples run, and what they say is so."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("plot_*.py"))
NEEDS = {"network": ["torch"], "scanpy": ["scanpy", "igraph"]}


def mse(a, b):
    return np.mean((a - b) ** 2)


def the_choice_is_the_best(names):
    assert names["search"].best_index_ == names["errors"].index(min(names["errors"]))


def ten_components(names):
    assert 8 <= names["adata"].uns["denoised"]["n_comps"] <= 12
    losses = names["adata"].uns["neighbours"]["losses"]
    assert min(losses.values()) < 0.9 * losses["gene means"] < losses["as it is"]


def most_noise_is_gone(names):
    assert mse(names["denoised"], names["clean"]) < 0.2 * mse(names["noisy"], names["clean"])


def the_rank_is_found(names):
    assert names["search"].best_params_ == {"estimator__n_components": 5}


def noise_is_less(names):
    assert mse(names["denoised"], names["clean"]) < 0.5 * mse(names["noisy"], names["clean"])


def only_what_was_put_aside_is_honest(names):
    denoised, behind, aside = names["false_positives"].values()
    assert aside < 0.1 < behind < denoised
    assert denoised > 0.5


def as_the_loop(names):
    assert names["difference"] < 1e-9
    assert names["error"] < 0.5 * mse(names["noisy"], names["clean"])
    assert abs(names["search"].loss_path_.min() - names["error"] - 64) < 1


def only_the_donut_tells(names):
    assert names["chosen"] == names["radii"][np.argmin(names["donut_truth"])] > 1
    assert np.argmin(names["plain"]) == 0
    difference = np.subtract(names["donut"], names["donut_truth"])
    np.testing.assert_allclose(difference, 0.01, rtol=0.03)


def smooth_signals_lose_little(names):
    lost = names["errors"][:, 0] / names["errors"][:, 1]
    assert lost[0] > 3 > 1.2 > lost[-1]
    np.testing.assert_allclose(np.array(names["losses"]) - 0.25, names["errors"][:, 0], atol=0.03)


def letters_are_read(names):
    alphabet, process = names["errors"].values()
    assert np.all(np.array(alphabet) < process)


def correlated_noise_misleads(names):
    assert names["sigmas"][names["chosen"]] > min(names["sigmas"])


CHECKS = {
    "01_choose_a_denoiser": the_choice_is_the_best,
    "02_single_cells_in_scanpy": ten_components,
    "03_one_line": most_noise_is_gone,
    "04_rank_of_a_table": the_rank_is_found,
    "05_any_function": noise_is_less,
    "06_a_network_and_a_filter": noise_is_less,
    "07_false_positives": only_what_was_put_aside_is_honest,
    "08_diffusion_series": as_the_loop,
    "09_calibrating_a_median": only_the_donut_tells,
    "10_what_neighbours_tell": smooth_signals_lose_little,
    "11_an_alphabet": letters_are_read,
    "12_where_it_fails": correlated_noise_misleads,
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_example_runs(path, capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    for word, modules in NEEDS.items():
        for module in modules if word in path.stem else ():
            pytest.importorskip(module)
    names = runpy.run_path(str(path))
    plt.close("all")
    assert capsys.readouterr().out
    CHECKS[path.stem.removeprefix("plot_")](names)
