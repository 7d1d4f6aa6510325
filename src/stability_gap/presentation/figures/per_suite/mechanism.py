"""Inside the weights around a switch: curvature of the loss, the gain, and how right its signal is.

The top eigenvalue of the Hessian of the training loss with respect to the raw weights W and to the effective weights g·W; g²; the
expected calibration error on the old tasks' test images (15 bins): how far the outputs are surer, or less sure, than they are
right, which is what an entropy of outputs can tell a gain. Before the switch the loss is that of the old tasks, from 0 on that of
the new context, so the step at the line is a change of data, not of weights. Snapshots stand evenly, not by time; the last is the
end of the context. Means over switches and seeds (of λ geometric), with 95 % t intervals over seeds. Without a gain the two
eigenvalues are the same.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from stability_gap.analysis.mechanism.around import around_switches
from stability_gap.presentation import panels, style
from stability_gap.presentation.looks import Look, Looks

INPUTS = ("mechanism.csv",)

_PANELS = {
    "lambda_w": "λ in W (raw)",
    "lambda_eff": "λ in g·W (effective)",
    "gain_squared": "g²",
    "ece_old": "calibration error",
}


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw one row of panels per benchmark: λ_W, λ_eff (on logarithmic axes), g² and calibration over the updates since a switch.

    tables: `mechanism.csv`.
    """
    lambdas = {"lambda_w", "lambda_eff"}
    return draw_rows(tables["mechanism.csv"], looks, _PANELS, logarithmic=lambdas, alike=lambdas)


def draw_rows(
    table: pd.DataFrame, looks: Looks, quantities: Mapping[str, str], *, logarithmic: Collection[str], alike: Collection[str]
) -> Figure:
    """Draw a row of panels per benchmark, one for each quantity: its name in mechanism.csv -> title of its panel.

    logarithmic: those that are averaged and shown as logarithms. alike: those whose panels show the same range. Snapshots stand
    evenly, whatever time lies between.
    """
    benchmarks, shown = looks.benchmark_order(table["benchmark"]), looks.of(table["optimizer"])
    figure = style.new_figure(style.PAGE_WIDTH, 0.55 + 1.85 * max(len(benchmarks), 1))
    with style.applied():
        if not benchmarks:
            style.say_empty(figure, "No run of this suite was looked into")
            return figure
        grid = figure.subplots(len(benchmarks), len(quantities), squeeze=False)
        for line, benchmark in zip(grid, benchmarks, strict=True):
            for axes, (quantity, title) in zip(line, quantities.items(), strict=True):
                rows = table[(table["benchmark"] == benchmark) & (table["quantity"] == quantity)]
                _draw_panel(axes, rows, quantity, shown, quantity in logarithmic, most=10 if len(quantities) < 4 else 5)
                axes.set_title(title)
            if len(benchmarks) > 1:
                line[0].set_ylabel(looks.benchmark(benchmark), fontsize=8)
            same = [axes for axes, quantity in zip(line, quantities, strict=True) if quantity in alike]
            lows, highs = zip(*(axes.get_ylim() for axes in same), strict=True)
            for axes in same:
                axes.set_ylim(min(lows), max(highs))
        seeds = panels.seeds_text(table.groupby(["benchmark", "optimizer"])["seed"].nunique())
        for axes in grid[-1]:
            axes.set_xlabel("Updates since the switch")
        figure.suptitle(seeds if len(benchmarks) > 1 else f"{looks.benchmark(benchmarks[0])}, {seeds}", fontsize=8.5)
        panels.legend_below(figure, panels.handles(shown))
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, quantity: str, shown: Mapping[str, Look], logarithmic: bool, most: int) -> None:
    """Draw the means of one quantity. Snapshots stand evenly; at most `most` of them have a label, 0 among them."""
    means = around_switches(rows, quantity, geometric=logarithmic)
    places = np.unique(means["since"])
    means["place"] = np.searchsorted(places, means["since"])
    panels.draw_lines(axes, means, "place", shown)
    switch = int(np.searchsorted(places, 0))
    axes.axvline(switch, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.5, zorder=0)
    axes.set(xlabel="", ylabel="")
    step = -(-len(places) // most)
    labelled = slice(switch % step, None, step)
    axes.set_xticks(np.arange(len(places))[labelled], [f"{since:g}".replace("-", "−") for since in places[labelled]])
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
