# Authors: the selfsupervised developers
# SPDX-License-Identifier: BSD-3-Clause
"""A page that shows a comparison: one file, which needs no network and nothing beside it."""

import base64
import io
import json
from html import escape
from importlib.metadata import version
from importlib.resources import files
from string import Template

import numpy as np
from PIL import Image

from selfsupervised.auto.comparison import NOTHING
from selfsupervised.cli.panel import views
from selfsupervised.core.axes import parse_axes
from selfsupervised.core.files import replacing
from selfsupervised.noise.correlation import noise_correlation

MAX_EDGE_PIXELS = 768  # of what is shown; of larger pictures the middle
MAX_LAG = 4


def write_page(path, name, found, noise, words, *, channel_axis, like=None):
    """Write the page of a comparison.

    Parameters
    ----------
    path : Path
    name : str
        Of the picture.
    found : list of Compared
        The best first.
    noise : ImageNoise
    words : str
        Why the best was chosen.
    channel_axis : {None, -1}
    like : Path, default=None
        The file that it shows.
    """
    noisy = next(one for one in found if one.method == NOTHING).output
    axes = parse_axes(
        "ZYX"[-(noisy.ndim - (channel_axis is not None)) :] + "S" * bool(channel_axis)
    )
    shown, data = [one for one in found if one.method != NOTHING], []
    for one in shown:
        (before, after, residual), spread = views(noisy, one.output, axes)
        data.append(
            {
                "after": _as_url(after),
                "residual": _as_url(residual),
                "spread": f"{spread:.3g}",
                "correlation": _correlation(noisy - one.output, channel_axis),
            }
        )
    page = Template(files("selfsupervised.cli").joinpath("page.html").read_text("utf-8"))
    text = page.substitute(
        name=escape(name),
        noise=escape(noise.describe()).replace("\n", "<br>"),
        words=escape(words),
        before=_as_url(before),
        width=min(before.shape[1], MAX_EDGE_PIXELS),
        rows="\n".join(_row(n, one, found) for n, one in enumerate(shown)),
        asis=_row(None, next(one for one in found if one.method == NOTHING), found),
        data=json.dumps(data),
        version=escape(version("selfsupervised")),
    )
    with replacing(path, like=like) as beside:
        beside.write_text(text, encoding="utf-8")


def _as_url(image):
    """A picture as part of the page."""
    middle = tuple(
        slice((size - min(size, MAX_EDGE_PIXELS)) // 2, (size + min(size, MAX_EDGE_PIXELS)) // 2)
        for size in image.shape[:2]
    )
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image[middle])).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _correlation(residual, channel_axis):
    """Autocorrelation of a residual along rows and columns; empty if nothing was removed."""
    n_spatial = residual.ndim - (channel_axis is not None)
    if n_spatial == 3:
        residual = residual[len(residual) // 2]
    if min(residual.shape[:2]) <= MAX_LAG or not np.nanstd(residual) > 0:
        return []
    try:
        lags = noise_correlation(residual, max_lag=MAX_LAG, channel_axis=channel_axis)
    except ValueError:  # a channel in which nothing was removed
        return []
    return np.round(lags, 2).tolist()


def _row(number, one, found):
    excess, error = one.excess_over(found[0])
    worse = "" if one is found[0] else f"{excess:.3g} ± {error:.2g}"
    pick = escape(one.method)
    if number is not None:
        pick = f'<button type="button" data-n="{number}">{pick}</button>'
    cells = [
        pick,
        one.psnr_in_words,
        f"{one.error:.4g}",
        worse,
        f"{one.seconds:.1f}",
        f"<code>{escape(one.denoiser)}</code>",
    ]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
