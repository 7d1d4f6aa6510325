"""Mean gain in every context with its linear trend: does the tonic gain rise over tasks?"""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stability_gap.analysis import bands
from stability_gap.presentation import style
from stability_gap.presentation.style import Look


def draw_gain_per_task(metrics: pd.DataFrame, fits: pd.DataFrame) -> Figure:
    """One panel per benchmark: mean gain of every seed (dots), mean over seeds with its 95 % t interval, linear fit.

    `metrics`: metrics.parquet, of which `mean_gain` per context is drawn for every optimizer whose gain is not 1
    throughout. `fits`: ``bands.gain_slopes(metrics)``. Without modulated gains the figure says so.
    """
    gains = metrics[(metrics["metric"] == "mean_gain") & metrics["value"].notna()]
    gains = gains.assign(context=gains["context"].astype(int))
    modulated = gains.loc[gains["value"] != 1, ["benchmark", "optimizer"]].drop_duplicates()
    gains = gains.merge(modulated, on=["benchmark", "optimizer"])
    means = bands.band(gains, ["benchmark", "optimizer", "context"], "value")
    benchmarks = sorted(modulated["benchmark"].unique())
    shown = style.looks(modulated["optimizer"])
    rows, columns = style.panel_grid(len(benchmarks))
    figure = style.new_figure(style.grid_width(columns), 0.4 + (2.2 + 0.12 * len(shown)) * rows)
    with style.applied():
        if not benchmarks:
            style.say_empty(figure, "No optimizer of this suite has a modulated gain")
            return figure
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(benchmarks) :]:
            axes.set_visible(False)
        for axes, benchmark in zip(grid.flat, benchmarks, strict=False):
            dots, centres, lines = (table[table["benchmark"] == benchmark] for table in (gains, means, fits))
            here = {name: look for name, look in shown.items() if name in set(dots["optimizer"])}
            _draw_panel(axes, dots, centres, lines, here)
            texts = [
                fit_text(look.label if len(shown) > 1 else "", row)
                for name, look in here.items()
                for row in lines[lines["optimizer"] == name].to_dict("records")
            ]
            axes.set_title("\n".join([style.benchmark_label(benchmark), *texts]), fontsize=7)
        for axes in grid[:, 0]:
            axes.set_ylabel("Mean gain in the context")
        if len(shown) > 1:
            style.legend(figure, {name: look.label for name, look in shown.items()}, shown, markers=True)
    return figure


def fit_text(label: str, fit: Mapping[Hashable, Any]) -> str:
    """Slope per context with its 95 % interval over seeds, and n, of a row of ``bands.gain_slopes``; r without label.

    Its p is left out: it takes the contexts of one seed as independent, which they are not.
    """
    interval = f" [{fit['low']:.3f}, {fit['high']:.3f}]" if fit["n"] > 1 else ""
    slope = f"{fit['slope']:.3f}{interval}".replace("-", "−")
    if label:
        return f"{label}: {slope}, n = {fit['n']:.0f}"
    return f"slope {slope} per context\nr = {fit['r']:.2f}, n = {fit['n']:.0f}".replace("-", "−")


def _draw_panel(axes: Axes, dots: pd.DataFrame, centres: pd.DataFrame, lines: pd.DataFrame, shown: dict[str, Look]) -> None:
    """One benchmark, optimizers side by side. `dots`: a row per seed and context; `centres`: bands; `lines`: fits."""
    fits = {row["optimizer"]: row for row in lines.to_dict("records")}
    for order, (name, look) in enumerate(shown.items()):
        aside = 0.2 * (order - (len(shown) - 1) / 2)
        seeds, mean = (table[table["optimizer"] == name] for table in (dots, centres))
        axes.plot(
            seeds["context"] + aside - 0.08,
            seeds["value"],
            ".",
            color=look.colour,
            alpha=0.4,
            markersize=3.5,
            markeredgewidth=0,
        )
        axes.errorbar(
            mean["context"] + aside,
            mean["mean"],
            yerr=[mean["mean"] - mean["low"], mean["high"] - mean["mean"]],
            fmt=look.marker,
            color=look.colour,
            markersize=4,
            linewidth=1.1,
            zorder=3,
        )
        if name in fits:
            ends = mean["context"].agg(["min", "max"]).to_numpy()
            heights = fits[name]["intercept"] + fits[name]["slope"] * ends
            axes.plot(ends + aside, heights, color=look.colour, linewidth=0.8, zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Context")
    axes.margins(0.1, 0.12)
