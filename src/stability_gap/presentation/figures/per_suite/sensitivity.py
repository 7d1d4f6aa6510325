"""How sensitive each optimizer is to its settings: every configuration that was tried for tuning, on held-out images.

Above: final accuracy and stability gap against the learning rate, one dot per configuration, its mean over the tuning seeds; what
was selected by final accuracy has a ring, by anytime accuracy a square. Where an optimizer was tuned at a fixed rate, the number
of the configuration stands in place of the rate. Below: the same two for the gain's decay γ and drive η,
as colours (accuracies below 60 % have the darkest). The learning rate varies among these dots as well, from the smallest to the
largest dot, so a colour is not the doing of γ and η alone. Diverged configurations count with the worst values. Accuracy has a
logit axis; that of the gap is linear up to 0.05 and logarithmic beyond.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from stability_gap.presentation import panels, scales, style
from stability_gap.presentation.looks import Looks

INPUTS = ("selection.csv",)
QUANTITIES = {"final": "Final accuracy (%)", "avg_sg_previous": "Gap, task before"}
_LOWEST = 0.6
"""Final accuracy that has the darkest colour, as has anything below."""
SELECTED = {"final": "o", "anytime": "s"}
_CHOSEN = {"final": "chosen by final accuracy", "anytime": "chosen along the stream"}
_DECAY, _DRIVE = "gain.gamma", "gain.eta"
_RATES = ("learning_rate", "learning_rate.base")
"""Keys of the learning rate: the second one where it is a block."""


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw two columns of panels per benchmark: accuracy and gap, over the rate and over γ × η. tables: `INPUTS`."""
    table = tables["selection.csv"]
    table = table.assign(rate=table.reindex(columns=list(_RATES)).bfill(axis=1)[_RATES[0]])
    place, at = ("number", "Configuration") if table["rate"].isna().any() else ("rate", "Learning rate")
    benchmarks, shown = looks.benchmark_order(table["benchmark"]), looks.of(table["optimizer"])
    modulated = table[table[[_DECAY, _DRIVE]].notna().all(axis=1)] if {_DECAY, _DRIVE} <= set(table) else table.iloc[:0]
    rows = 2 if len(modulated) else 1
    figure = style.new_figure(style.PAGE_WIDTH if len(benchmarks) > 1 else 5.0, 0.8 + 2.1 * rows)
    with style.applied():
        grid = figure.subplots(rows, 2 * len(benchmarks), squeeze=False)
        for number, benchmark in enumerate(benchmarks):
            for side, (quantity, title) in enumerate(QUANTITIES.items()):
                column = 2 * number + side
                axes = grid[0, column]
                here = table[table["benchmark"] == benchmark]
                sns.scatterplot(
                    here,
                    x=place,
                    y=quantity,
                    hue="optimizer",
                    hue_order=list(shown),
                    style="optimizer",
                    palette={name: look.colour for name, look in shown.items()},
                    markers={name: look.marker for name, look in shown.items()},
                    s=14,
                    linewidth=0.2,
                    legend=False,
                    ax=axes,
                )
                for criterion, marker in SELECTED.items():
                    chosen = here[here[f"selected_{criterion}"]]
                    axes.scatter(
                        chosen[place],
                        chosen[quantity],
                        s=48,
                        marker=marker,
                        facecolors="none",
                        edgecolors=style.INK,
                        linewidths=0.6,
                    )
                axes.set(xscale="log" if place == "rate" else "linear", xlabel=at, ylabel=title)
                if quantity == "final":
                    scales.set_accuracy_axis(axes, "y")
                else:
                    scales.set_gap_axis(axes, "y")
                axes.set_title(looks.benchmark(benchmark) if side == 0 else "", loc="left")
                if rows == 2:
                    _draw_gain(grid[1, column], modulated[modulated["benchmark"] == benchmark], quantity, title)
        rings = [
            Line2D(
                [],
                [],
                linewidth=0,
                marker=marker,
                markersize=6,
                markerfacecolor="none",
                color=style.INK,
                label=_CHOSEN[criterion],
            )
            for criterion, marker in SELECTED.items()
        ]
        seeds = f", {panels.seeds_text(table['n'])}" if "n" in table else ""
        figure.suptitle(f"Validation, on images held out from training{seeds}", fontsize=8)
        panels.legend_below(figure, [*panels.handles(shown, markers_only=True), *rings])
        style.freeze(figure)
        for axes in grid[0, ::2]:
            scales.choose_ticks(axes, "y")
    return figure


def _draw_gain(axes: Axes, configurations: pd.DataFrame, quantity: str, title: str) -> None:
    """Draw γ × η of one benchmark as coloured dots: lighter is more, larger a higher learning rate."""
    values, rates = configurations[quantity], np.log(configurations["rate"])
    norm = Normalize(_LOWEST, values.max()) if quantity == "final" else SymLogNorm(0.05, vmin=0, vmax=1)
    dots = axes.scatter(
        1 - configurations[_DECAY],
        configurations[_DRIVE],
        c=values,
        cmap="cividis",
        norm=norm,
        s=np.interp(rates, [rates.min(), rates.max()], [12, 60]) if rates.min() < rates.max() else 24,
        edgecolors=style.INK,
        linewidths=0.3,
    )
    extend = "min" if quantity == "final" else "neither"
    bar = axes.figure.colorbar(dots, ax=axes, location="top", aspect=25, pad=0.03, extend=extend)
    if quantity == "final":
        bar.ax.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
    else:
        bar.set_ticks([0, 0.05, 0.2, 1], labels=["0", "0.05", "0.2", "1"])
        bar.ax.minorticks_off()
    bar.set_label(title, fontsize=6.5)
    bar.ax.tick_params(labelsize=6)
    bar.outline.set_visible(False)
    axes.set(xscale="log", yscale="log", xlabel="1 − γ", ylabel="η per nat")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_locator(NullLocator())
