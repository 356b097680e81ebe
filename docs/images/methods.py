# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Draw quality over seconds of one image, from the results of the benchmarks."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from _small import save

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
NETWORKS = ("Noise2Self", "Noise2Same", "Neighbor2Neighbor")
NAMES = {
    "NL-means, calibrated, mixed": ("non-local means,\nchosen by the loss, mixed", "right", -12),
    "NL-Ridge": ("NLRidgeDenoiser,\ntold the level of the noise", "left", 12),
}


def main():
    text = (RESULTS / "networks-one.md").read_text()
    one = json.loads(text.splitlines()[-1])["one"]
    runs = map(json.loads, (RESULTS / "self2self.jsonl").read_text().splitlines())
    results = {tuple(run["key"][1:5]): run["result"] for run in runs if run["key"][0] == "house"}
    figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
    for name in NETWORKS:
        seconds, _, psnr = zip(*one[f"House, {name}"]["curve"])
        ax.plot(seconds, psnr, label=name)
    for name in ("Self2Self", "Self2Self+"):
        result = results["House", "sigma 25", name, "default"]
        points = [point[1:] for point in result["curve"]]
        points.append([result["fit"] + result["transform"], result["psnr"]])
        ax.plot(*zip(*points), "--", label=name)
    for line in text.splitlines():
        picture, method, _, seconds, psnr = [*map(str.strip, line.split("|")[1:6]), *[""] * 5][:5]
        if picture == "House" and method in NAMES:
            ax.plot(float(seconds), float(psnr), "ko", ms=5)
            label, side, shift = NAMES[method]
            ax.annotate(
                label,
                (float(seconds), float(psnr)),
                xytext=(shift, 20),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "lw": 0.5},
                fontsize=8,
                ha=side,
            )
    ax.set(xscale="log", xlim=(1, 500), ylim=(28.8, 34.2), xlabel="seconds", ylabel="PSNR in dB")
    ax.set_xticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    save(figure, "methods", n_colours=48)


if __name__ == "__main__":
    main()
