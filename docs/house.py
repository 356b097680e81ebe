# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Draw the rooms of the house and who imports whom, from the table that the test of rooms reads."""

from collections import Counter
from textwrap import fill

import test_rooms  # conf.py puts tests/ on the path
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Arc


def imports():
    """How many files of each room import from each other room."""
    found = Counter()
    for path in test_rooms.FILES:
        room = test_rooms.room_of(test_rooms.name_of(path))
        others = {test_rooms.room_of(name) for name in test_rooms.imported(path.read_text())}
        found.update((room, other) for other in others - {room, None})
    return found


def draw(path):
    """Write the drawing: rooms from the ground up, an arc from each to those it imports from."""
    table = test_rooms.table()
    order = {room: number for number, (room, _) in enumerate(table)}
    figure = Figure(figsize=(11, 0.36 * len(table) + 0.4))
    ax = figure.add_axes((0, 0, 1, 1))
    for (room, other), count in imports().items():
        if room in order and other in order:
            low, high = order[other], order[room]
            upwards = high > low
            ax.add_patch(
                Arc(
                    (0, (low + high) / 2),
                    0.38 * abs(high - low),
                    abs(high - low),
                    theta1=90,
                    theta2=270,
                    lw=0.5 + count**0.5 / 2,
                    color=f"C{low % 10}" if upwards else "red",
                    alpha=0.55,
                )
            )
    for room, text in table:
        row = order[room]
        ax.plot(0, row, "o", color=f"C{row % 10}", ms=7)
        ax.text(0.12, row, room, va="center", weight="bold", fontsize=10)
        said = fill(text.replace("`", ""), 100)
        ax.text(2.1, row, said, va="center", fontsize=8)
    ax.set(xlim=(-3.4, 10.5), ylim=(-0.8, len(table) - 0.2))
    ax.axis("off")
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(path, transparent=False, facecolor="white")
