# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""What ``import selfsupervised`` costs, beside importing what it cannot do without."""

import subprocess
import sys
import time
from statistics import median

from benchmarks.report import Report, options

STATEMENTS = {
    "nothing": "pass",
    "sklearn.base and scipy.ndimage": "import sklearn.base, scipy.ndimage",
    "import selfsupervised": "import selfsupervised",
    "selfsupervised.JInvariantWrapper": "import selfsupervised; selfsupervised.JInvariantWrapper",
    "selfsupervised.MedianDenoiser": "import selfsupervised; selfsupervised.MedianDenoiser",
    "selfsupervised.denoise": "import selfsupervised; selfsupervised.denoise",
}


def seconds(statement):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main():
    arguments = options(__doc__)
    report = Report("import_time", arguments.save)
    repeats = 3 if arguments.quick else 15
    times = {name: [] for name in STATEMENTS}
    for statement in STATEMENTS.values():
        seconds(statement)  # the files into memory
    for _ in range(repeats):  # in turn, so that a slow moment hits all
        for name, statement in STATEMENTS.items():
            times[name].append(seconds(statement))
    start = median(times["nothing"])
    cost = {name: median(values) - start for name, values in times.items()}
    floor = cost["sklearn.base and scipy.ndimage"]
    report.table(
        f"Seconds beyond starting Python ({start:.3f} s), median of {repeats}",
        ["statement", "seconds", "ratio"],
        [[name, value, value / floor] for name, value in cost.items()],
    )
    report.end(
        import_ratio=cost["import selfsupervised"] / floor,
        wrapper_ratio=cost["selfsupervised.JInvariantWrapper"] / floor,
        denoise_ratio=cost["selfsupervised.denoise"] / floor,
    )


if __name__ == "__main__":
    main()
