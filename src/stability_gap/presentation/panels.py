"""What the panels of figures share: lines that are told apart without colour, bands, legends, who was measured."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from stability_gap.presentation.looks import Look

_MARKERS_PER_LINE = 8


def draw_lines(axes: Axes, table: pd.DataFrame, x: str, shown: Mapping[str, Look]) -> None:
    """Draw the mean of every optimizer as a line with dashes and sparse markers of its own, and its interval as a band.

    table: columns optimizer, `x`, mean, and maybe low and high (`bands.band`). The reference comes last, on top.
    """
    low, high = table[x].min(), table[x].max()
    for order, (name, look) in enumerate(_reference_last(shown).items()):
        rows = table[table["optimizer"] == name].sort_values(x)
        if "low" in rows and rows["low"].notna().any():  # seaborn draws no interval that was computed elsewhere
            axes.fill_between(rows[x], rows["low"], rows["high"], color=look.colour, alpha=0.18, linewidth=0, zorder=2 + order)
        before = len(axes.lines)
        sns.lineplot(rows, x=x, y="mean", estimator=None, errorbar=None, color=look.colour, linewidth=look.width, ax=axes)
        for line in axes.lines[before:]:
            line.set(zorder=2.5 + order, marker=look.marker, markersize=3.6, markeredgecolor="white", markeredgewidth=0.4)
            line.set_markevery(_sparse(line.get_xdata(), low, high, order))
            set_dashes(line, look)


def set_dashes(line: Line2D, look: Look) -> None:
    """Give a line the dashes of its optimizer, in line widths; a solid one stays as it is."""
    if look.dashes[1]:
        line.set_dashes(list(look.dashes))


def _sparse(x: object, low: float, high: float, order: int) -> list[int]:
    """Choose the points that bear a marker: equally far apart along the axis, and elsewhere for every optimizer."""
    places = np.asarray(x, dtype=float)
    if len(places) < 2:
        return [0] * len(places)
    wanted = low + (high - low) * (np.arange(_MARKERS_PER_LINE) + (0.25 + 0.17 * order) % 1) / _MARKERS_PER_LINE
    return sorted({int(np.abs(places - each).argmin()) for each in wanted})


def _reference_last(shown: Mapping[str, Look]) -> dict[str, Look]:
    return dict(sorted(shown.items(), key=lambda item: item[1].width))


def handles(shown: Mapping[str, Look], counts: pd.DataFrame | None = None, markers_only: bool = False) -> list[Line2D]:
    """Make the entries of a legend, which name an optimizer's diverged runs too (`figure_data.seed_counts`)."""
    gone = {} if counts is None else dict(zip(counts["optimizer"], counts["diverged"], strict=True))
    made = []
    for name, look in shown.items():
        text = f"{look.label} ({gone[name]} diverged)" if gone.get(name) else look.label
        line = Line2D([], [], color=look.colour, linewidth=0 if markers_only else look.width, marker=look.marker, label=text)
        line.set(markersize=4.5, markeredgecolor="white", markeredgewidth=0.4)
        if not markers_only:
            set_dashes(line, look)
        made.append(line)
    return made


def legend_below(figure: Figure, entries: list[Line2D]) -> None:
    """Put one legend below all panels and make the figure as much higher as further rows of it need."""
    if not entries:
        return
    most = 2 if figure.get_figwidth() < 5 else 4 if len(entries) <= 4 else 3
    rows = -(-len(entries) // most)
    figure.set_figheight(figure.get_figheight() + 0.16 * (rows - 1))
    figure.legend(handles=entries, loc="outside lower center", ncols=min(len(entries), most), handlelength=3.4, columnspacing=1.6)


def seeds_text(counts: pd.Series) -> str:
    """Write the number of seeds once for all: "n = 10 seeds", or "n = 8 to 10 seeds" where optimizers differ."""
    low, high = int(counts.min()), int(counts.max())
    return f"n = {high} seed{'s' * (high != 1)}" if low == high else f"n = {low} to {high} seeds"
