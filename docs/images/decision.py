# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Draw which method to take: questions from left to right, what to call at the end."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from _small import save

TREE = (
    "What was\nmeasured?",
    {
        "one image,\nvolume or film": (
            "What is known\nof the noise?",
            {
                "nothing": "denoise(image)",
                "white, of level σ": "NLRidgeDenoiser(σ)",
                "grows with\nthe signal": "VarianceStabilizer(\n    NLRidgeDenoiser(1.0))",
                "law unknown,\nindependent": "GridSearchCV(\n    JInvariantWrapper(yours), …)",
            },
        ),
        "an image with\npixels missing": "fill_missing, Self2SelfDenoiser",
        "many images\nof one kind": "a network: Noise2SelfDenoiser, …",
        "counts of cells\nand genes": "ss.pp.denoise_counts(adata)",
        "another table": "JInvariantWrapper(PCARegression())",
    },
)
QUESTIONS, METHODS = (0, 3.7), 7.4  # where these columns begin


def leaves(tree):
    """How many ends a tree has."""
    return 1 if isinstance(tree, str) else sum(map(leaves, tree[1].values()))


def draw(ax, tree, depth, top):
    """Draw a tree below a height; return the height of its first box."""
    height = top - leaves(tree) / 2
    if isinstance(tree, str):
        ax.text(METHODS, height, tree, va="center", family="monospace", fontsize=9)
        return height
    x = QUESTIONS[depth]
    style = {"boxstyle": "round,pad=0.4", "fc": "#dce9f5", "ec": "C0"}
    ax.text(x, height, tree[0], va="center", bbox=style, fontsize=9)
    for answer, rest in tree[1].items():
        end = draw(ax, rest, depth + 1, top)
        stop = METHODS if isinstance(rest, str) else QUESTIONS[depth + 1]
        ax.plot([x + 0.95, x + 1.35, stop - 0.12], [height, end, end], color="C0", lw=1, zorder=0)
        style = {"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none"}
        ax.text(x + 1.5, end, answer, va="center", bbox=style, fontsize=9)
        top -= leaves(rest)
    return height


def main():
    figure, ax = plt.subplots(figsize=(9.5, 4.2), layout="constrained")
    draw(ax, TREE, 0, leaves(TREE))
    ax.set(xlim=(-0.1, 10.3), ylim=(0, leaves(TREE)))
    ax.axis("off")
    save(figure, "decision", n_colours=32)


if __name__ == "__main__":
    main()
