# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Take figures of the guide from the gallery: of which example, and which of its figures."""

import runpy
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from _small import save

EXAMPLES = Path(__file__).parents[2] / "examples"
FIGURES = {
    "plot_09_calibrating_a_median": {"median_radius": 1},
    "plot_10_what_neighbours_tell": {"gaussian_processes": 1, "without_the_pixel": 2},
    "plot_11_an_alphabet": {"alphabet": 1, "alphabet_errors": 2},
}


def main():
    for example, figures in FIGURES.items():
        plt.close("all")
        runpy.run_path(str(EXAMPLES / f"{example}.py"))
        for name, number in figures.items():
            save(plt.figure(number), name)


if __name__ == "__main__":
    main()
