"""The one-weight model: does a gain act like explicit fast and slow weights?

Left, the target flips for ten steps and back: an explicit pair of a fast and a slow weight, and a weight under a gain, follow
within a few steps; a slow weight of the same rate lags. The gain first jumps the wrong way: it amplifies the old answer before
the weight has moved. Right, the target steps from 0 to 1 in 50 noisy runs: means and bands of ± one standard deviation of the
gain g, of its effective weight g·w, and of the two parts of that, slow g0·w and fast (g−g0)·w.
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
_SHOWN = (135, 200)
"""Steps of simulation 1 around the flip; before and after, all have arrived."""


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw simulation 1 around the flip of the target, and simulation 2 as means over runs with their spread.

    tables: `toy.csv`.
    """
    table = tables["toy.csv"]
    figure = style.new_figure(style.PAGE_WIDTH, 2.3)
    with style.applied():
        left, right = figure.subplots(1, 2)
        flip = table[table["simulation"] == "target_flip"]
        for model, (name, colour, dashes, width) in _FLIP.items():
            rows = flip[(flip["model"] == model) & (flip["quantity"] == "weight") & flip["step"].between(*_SHOWN)]
            _draw(left, rows, name, colour, dashes, width)
        left.set(title="The target flips and returns", ylabel="Effective weight")
        step = table[(table["simulation"] == "target_step") & (table["model"] == "gain")]
        for quantity, (name, colour, dashes, width) in _PARTS.items():
            _draw(right, step[step["quantity"] == quantity], name, colour, dashes, width)
        runs = step["run"].nunique()
        right.set(title=f"The target steps from 0 to 1, {runs} noisy runs", ylabel="Gain and weights")
        for axes in (left, right):
            axes.set_xlabel("Step")
            axes.margins(x=0)
            axes.grid(axis="y", color=style.FAINT, linewidth=0.5)
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=3.4)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, name: str, colour: str, dashes: tuple[float, ...] | None, width: float) -> None:
    """Draw the mean over runs, with a band of one standard deviation where there are several."""
    values = rows.groupby("step")["value"]
    mean, spread = values.mean(), values.std()
    (line,) = axes.plot(mean.index, mean, color=colour, linewidth=width, label=name, zorder=2 + width)
    if dashes is not None:
        line.set_dashes(list(dashes))
    if spread.notna().any():
        axes.fill_between(mean.index, mean - spread, mean + spread, color=colour, alpha=0.18, linewidth=0)
