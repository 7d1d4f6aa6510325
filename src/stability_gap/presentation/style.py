"""The one theme of all figures: sizes, fonts, and how a figure becomes files.

Figures are made without pyplot, so nothing global is left behind, and the same figure gives the same bytes. Colours and
markers are in `looks.py`.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from stability_gap.files import write_atomically

COLUMN_WIDTH = 3.4
"""Width of one column of a two-column paper, inches."""
PAGE_WIDTH = 7.0
"""Width of both columns, inches."""
INK, QUIET, FAINT = "#222222", "#6e6e6e", "#e6e6e6"

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same on every machine
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": True,
    "lines.linewidth": 1.1,
    "svg.fonttype": "path",
    "svg.hashsalt": "stability-gap",
    "pdf.fonttype": 42,
    "savefig.dpi": 200,  # 1400 pixels at page width: sharp on a screen, a third of the bytes of 300
}
_COLOURS = 256
"""Colours of a PNG: thin lines on white need no more, and the file has a third of the bytes. They are chosen by coverage, and
moved to the middle of what they stand for: other ways lose the colours of small markers or tint pale bands."""
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": "stability-gap", "Creator": "stability-gap"},
    "png": {"Software": None},
}


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of `width` × `height` inches in the shared style. Draw into it inside ``with style.applied():``."""
    with applied():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
    return figure


def panel_grid(panels: int) -> tuple[int, int]:
    """Choose rows and columns for so many panels, at most three side by side and at least one."""
    columns = min(max(panels, 1), 3)
    return max(-(-panels // columns), 1), columns


def grid_width(columns: int) -> float:
    """Give the width in inches of a figure of one to three columns of panels."""
    return {1: COLUMN_WIDTH, 2: 5.6, 3: PAGE_WIDTH}[columns]


@contextmanager
def applied() -> Iterator[None]:
    """Give the context in which all that is drawn has the shared style; matplotlib's settings are as before afterwards."""
    with mpl.rc_context():
        mpl.rcdefaults()  # not those of somebody's matplotlibrc
        mpl.rcParams.update(cast(Any, {**sns.axes_style("ticks"), **sns.plotting_context("paper"), **_RC}))
        yield


def say_empty(figure: Figure, text: str) -> None:
    """Write `text` into an otherwise empty figure, so that a suite without such data says so instead of failing."""
    axes: Axes = figure.add_subplot()
    axes.axis("off")
    axes.text(0.5, 0.5, text, ha="center", va="center", color=QUIET, transform=axes.transAxes)


def freeze(figure: Figure) -> None:
    """Lay the figure out once and for all: every file of it, and what is placed afterwards, has the same layout."""
    with applied():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def render(figure: Figure, form: str) -> bytes:
    """Turn the figure into the bytes of an ``svg``, ``pdf`` or ``png`` file, without date, version or random id."""
    buffer = io.BytesIO()
    if figure.get_layout_engine() is not None:
        freeze(figure)
    with applied():
        figure.savefig(buffer, format=form, metadata=_METADATA[form])
    if form == "png":
        return _with_palette(buffer)
    return _PATHS.sub(_shortened, buffer.getvalue()) if form == "svg" else buffer.getvalue()


_PATHS = re.compile(rb' d="(M[^"]*)"')
_STEPS = re.compile(rb"([A-Za-z])\s*([-\d.]*)\s*([-\d.]*)\s*")


def _shortened(path: re.Match[bytes]) -> bytes:
    """Write a polyline of an SVG by steps of tenths of a point, a thirtieth of a millimetre: a third of the bytes.

    Paths with curves (letters, markers) stay as they are.
    """
    steps = _STEPS.findall(path[1])
    if {command for command, _, _ in steps} - {b"M", b"L", b"z"}:
        return path[0]
    written, here = [], (0, 0)
    for command, *place in steps:
        if command == b"z":
            written.append("z")
            continue
        there = (round(float(place[0]) * 10), round(float(place[1]) * 10))
        step = there if command == b"M" else (there[0] - here[0], there[1] - here[1])
        written.append(("M" if command == b"M" else "l") + " ".join(f"{each / 10:g}" for each in step))
        here = there
    text = re.sub(r"(?<!\d)0\.", ".", "".join(written).replace(" -", "-"))
    return f' d="{text}"'.encode()


def _with_palette(png: io.BytesIO) -> bytes:
    """Reduce a PNG to a palette; the same pixels give the same bytes."""
    small = io.BytesIO()
    picture = (
        Image.open(png).convert("RGB").quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    )
    picture.save(small, "png", optimize=True)
    return small.getvalue()


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write ``{stem}.svg``, ``.pdf``, ``.png`` atomically; returns the paths. Errors: UserError from the writing."""
    paths = []
    for form in ("svg", "pdf", "png"):
        content = render(figure, form)
        path = Path(stem).with_name(f"{Path(stem).name}.{form}")
        write_atomically(path, lambda temporary, content=content: temporary.write_bytes(content))  # type: ignore[misc]
        paths.append(path)
    return paths
