"""The one-weight model: does a gain act like explicit fast and slow weights?

Left, the target flips for ten steps and back: an explicit pair of a fast and a slow weight, and a weight under a gain, follow
within a few steps; a slow weight of the same rate lags. The gain first jumps the wrong way: it amplifies the old answer before
the weight has moved. Middle, the same without what the error does to the gain: under a constant gain, a slow weight of the rate
lr·g² and a fast–slow pair whose fast part does not decay are one and the same, so the lines lie on one another. Right, the target
steps from 0 to 1 in 50 noisy runs: means and bands of ± one standard deviation of the gain g, of its effective weight g·w, and of
the two parts of that, slow g0·w and fast (g−g0)·w.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_gap.presentation import style
from stability_gap.presentation.looks import COLOURS, Looks

INPUTS = ("toy.csv",)

_FLIP = {  # model -> name, colour, dashes, width
    "target": ("target", style.QUIET, (1.0, 1.0), 0.8),
    "slow": ("slow", COLOURS[3], (4.0, 1.4), 1.2),
    "fast_slow": ("fast–slow", COLOURS[4], (6.0, 1.4, 1.2, 1.4), 1.2),
    "gain": ("gain, g·w", COLOURS[6], None, 1.7),
}
_PARTS = {  # quantity -> name, colour, dashes, width
    "gain": ("g", COLOURS[2], (1.2, 1.2), 1.2),
    "weight": ("g·w", COLOURS[6], None, 1.7),
    "slow_part": (r"slow, $g_0$·w", COLOURS[3], (4.0, 1.4), 1.2),
    "fast_part": (r"fast, (g−$g_0$)·w", COLOURS[4], (6.0, 1.4, 1.2, 1.4), 1.2),
}
_NESTED = {"slow": 5.0, "fast_slow": 2.8, "gain": 0.9}
"""Widths of lines that lie on one another."""
_SHOWN = (135, 200)
"""Steps of simulation 1 around the flip; before and after, all have arrived."""


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw simulation 1 around the flip, the same under a constant gain, and simulation 2 as means with their spread.

    tables: `toy.csv`.
    """
    table = tables["toy.csv"]
    figure = style.new_figure(style.PAGE_WIDTH, 2.75)
    with style.applied():
        left, middle, right = figure.subplots(1, 3)
        flip, constant = (table[table["simulation"] == name] for name in ("target_flip", "constant_gain"))
        for model, (name, colour, dashes, width) in _FLIP.items():
            _draw(left, _around_flip(flip, model), name, colour, dashes, width)
        for model, width in _NESTED.items():
            _draw(middle, _around_flip(constant, model), _FLIP[model][0], _FLIP[model][1], None, width)
        left.set(title="The target flips and returns", ylabel="Effective weight")
        middle.set(title="The same, gain constant", ylim=left.get_ylim())
        step = table[(table["simulation"] == "target_step") & (table["model"] == "gain")]
        for quantity, (name, colour, dashes, width) in _PARTS.items():
            _draw(right, step[step["quantity"] == quantity], name, colour, dashes, width)
        right.set(title=f"A new target, {step['run'].nunique()} noisy runs", ylabel="Gain and weights")
        for axes in (left, middle, right):
            axes.set_xlabel("Step")
            axes.margins(x=0)
            axes.grid(axis="y", color=style.FAINT, linewidth=0.5)
            axes.title.set_fontsize(8)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, handlelength=2.6, columnspacing=1.0)
    return figure


def _around_flip(rows: pd.DataFrame, model: str) -> pd.DataFrame:
    """The effective weight of a model, around the flip of the target."""
    return rows[(rows["model"] == model) & (rows["quantity"] == "weight") & rows["step"].between(*_SHOWN)]


def _draw(axes: Axes, rows: pd.DataFrame, name: str, colour: str, dashes: tuple[float, ...] | None, width: float) -> None:
    """Draw the mean over runs, with a band of one standard deviation where there are several."""
    values = rows.groupby("step")["value"]
    mean, spread = values.mean(), values.std()
    (line,) = axes.plot(mean.index, mean, color=colour, linewidth=width, label=name, zorder=3)
    if dashes is not None:
        line.set_dashes(list(dashes))
    if spread.notna().any():
        axes.fill_between(mean.index, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
