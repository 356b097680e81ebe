# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""Write figures small enough to be committed: 64 colours are enough for curves and grey images."""

import io
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent


def save(figure, name, n_colours=64):
    """Write a figure of matplotlib beside this file, as ``name.png``."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=80, format="png", facecolor="white")
    image = Image.open(buffer).convert("RGB").quantize(n_colours, dither=Image.Dither.NONE)
    image.save(HERE / f"{name}.png", optimize=True)
