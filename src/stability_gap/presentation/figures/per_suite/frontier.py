"""The accuracy–stability frontier: stability gap against final accuracy, every optimizer over its learning rates.

A curve leads through the rates of one optimizer, from the smallest one shown (hollow) to the largest; small dots are seeds,
crosses are 95 % t intervals (none where some seeds end below 70 % and others do not). The dotted line stands at the mean final
accuracy of the reference at its own rate: the lower a curve crosses it, the smaller the gap at equal accuracy. Rates that end
below 70 % are counted above the panels and not drawn, those at which runs diverged apart; where every rate ends there, all are
drawn. The axis of accuracy is a logit; that of the gap is linear up to 0.05 and logarithmic beyond.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_gap.analysis import figure_data
from stability_gap.presentation import panels, scales, style
from stability_gap.presentation.looks import Look, Looks

INPUTS = ("frontier.csv", "frontier_gap.csv")
GAPS = {
    "avg_sg_first": "Gap, task 1",
    "avg_sg_previous": "Gap, task before",
    "avg_net_sg_previous": "The same, net of placebo",
}
_LOWEST = 0.7
"""Final accuracy from which on a rate is drawn, unless all end below: where little is learned there is little to lose."""


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw a column of panels per benchmark, one row per gap that was measured. tables: `metrics.parquet` and `INPUTS`."""
    points, levels = tables["frontier.csv"], tables["frontier_gap.csv"]
    metrics = figure_data.whole_stream(tables["metrics.parquet"], ["avg_acc", *GAPS])
    seeds = metrics.merge(
        points[["benchmark", "member", "optimizer", "learning_rate"]].rename(columns={"optimizer": "base"}),
        left_on=["benchmark", "optimizer"],
        right_on=["benchmark", "member"],
    )
    gaps = {name: title for name, title in GAPS.items() if points[f"{name}_mean"].notna().any()}
    benchmarks, shown = looks.benchmark_order(points["benchmark"]), _looks(points, looks)
    figure = style.new_figure(style.PAGE_WIDTH if len(benchmarks) > 1 else 5.0, 0.6 + 2.3 * len(gaps))
    with style.applied():
        grid = figure.subplots(len(gaps), len(benchmarks), squeeze=False, sharex="col")
        for column, benchmark in enumerate(benchmarks):
            here, seeds_here = (table[table["benchmark"] == benchmark] for table in (points, seeds))
            accuracy = _accuracy_of_reference(here, levels[levels["benchmark"] == benchmark], looks)
            lowest = _LOWEST if (here["avg_acc_mean"] >= _LOWEST).any() else 0.0
            for row, (gap, title) in enumerate(gaps.items()):
                axes = grid[row, column]
                _draw_panel(axes, here, seeds_here, gap, shown, lowest)
                axes.axvline(accuracy, color=style.INK, linewidth=0.7, linestyle=":", zorder=1)
                axes.set_ylabel(title if column == 0 else "")
                axes.set_xlabel("Final accuracy (%)" if row == len(gaps) - 1 else "")
            grid[0, column].set_title(looks.benchmark(benchmark), pad=22)
            grid[0, column].annotate(
                _left_out(here, shown, lowest), (0.5, 1), (0, 4), "axes fraction", "offset points", ha="center", fontsize=5.5
            )
        figure.suptitle(panels.seeds_text(points["n"]), fontsize=8)
        panels.legend_below(figure, panels.handles(shown))
        style.freeze(figure)
        for axes in grid.flat:
            scales.choose_ticks(axes, "x")
    return figure


def _looks(points: pd.DataFrame, looks: Looks) -> dict[str, Look]:
    """Looks of the optimizers that are varied; the one of which the reference is a member has the solid, wider line."""
    own = points.loc[points["member"] == looks.reference, "optimizer"]
    return replace(looks, reference=None if own.empty else own.iloc[0]).of(points["optimizer"])


def _accuracy_of_reference(points: pd.DataFrame, levels: pd.DataFrame, looks: Looks) -> float:
    """Return the accuracy at which gaps are compared; where none is, as the reference is varied alone, its mean accuracy."""
    own = points.loc[points["member"] == looks.reference, "avg_acc_mean"]
    known = [*levels["accuracy"], *own]
    return float(known[0]) if known else np.nan


def _left_out(points: pd.DataFrame, shown: Mapping[str, Look], lowest: float) -> str:
    """Count the rates of each optimizer that end below 70 %: a line for those that learned too little, one for the diverged."""
    below, rates = points[points["avg_acc_mean"] < _LOWEST], points["learning_rate"].nunique()
    gone, limit = below["diverged"] > 0, f"below {100 * _LOWEST:g} %"
    few = _counts(limit, below[~gone], shown, rates) if lowest else f"every rate ends {limit}"
    return "\n".join(filter(None, [few, _counts("diverged", below[gone], shown, rates)]))


def _counts(what: str, points: pd.DataFrame, shown: Mapping[str, Look], rates: int) -> str:
    """Count points by optimizer: "diverged: SGD 1, Adam 4 of 8 rates"; empty where there are none."""
    number = points.groupby("optimizer").size()
    counts = ", ".join(f"{look.label} {number[name]}" for name, look in shown.items() if name in number)
    return f"{what}: {counts} of {rates} rates" if counts else ""


def _draw_panel(
    axes: Axes, points: pd.DataFrame, seeds: pd.DataFrame, gap: str, shown: Mapping[str, Look], lowest: float
) -> None:
    """Draw the curves of one benchmark: seeds as dots, means with intervals, a line through them by rate.

    lowest: final accuracy from which on rates are drawn; 0 draws all.
    """
    palette = {name: look.colour for name, look in shown.items()}
    common: dict[str, Any] = {
        "x": "avg_acc",
        "y": gap,
        "hue": "base",
        "hue_order": list(shown),
        "palette": palette,
        "legend": False,
        "ax": axes,
    }
    dots = seeds[seeds["avg_acc"] >= lowest]
    sns.scatterplot(dots.assign(avg_acc=scales.inside(dots["avg_acc"])), s=4, alpha=0.3, linewidth=0, **common)
    for order, (name, look) in enumerate(shown.items()):
        every = points[points["optimizer"] == name].sort_values("learning_rate")
        x, y = every["avg_acc_mean"].where(every["avg_acc_mean"] >= lowest), every[f"{gap}_mean"]
        drawn = every[x.notna()]
        alike = drawn[~drawn["member"].isin(seeds.loc[seeds["avg_acc"] < lowest, "member"])]
        across = _distances(alike["avg_acc_mean"], scales.inside(alike["avg_acc_low"]), scales.inside(alike["avg_acc_high"]))
        along = _distances(alike[f"{gap}_mean"], alike[f"{gap}_low"], alike[f"{gap}_high"])
        bars: dict[str, Any] = {"ecolor": look.colour, "elinewidth": 0.6, "fmt": "none", "zorder": 2 + order}
        axes.errorbar(alike["avg_acc_mean"], alike[f"{gap}_mean"], along, across, **bars)
        (line,) = axes.plot(x, y, color=look.colour, linewidth=look.width, marker=look.marker, markersize=4, zorder=3 + order)
        line.set(markeredgecolor="white", markeredgewidth=0.4)
        panels.set_dashes(line, look)
        hollow: dict[str, Any] = {
            "marker": look.marker,
            "markersize": 4,
            "markerfacecolor": "white",
            "markeredgecolor": look.colour,
        }
        axes.plot(drawn["avg_acc_mean"].iloc[:1], drawn[f"{gap}_mean"].iloc[:1], zorder=4 + order, **hollow)
    scales.set_accuracy_axis(axes, "x")
    means = points[points["avg_acc_mean"] >= lowest]
    error = 1 - scales.inside(means["avg_acc_mean"]).max()
    axes.set_xlim(lowest or scales.accuracy_limits(means["avg_acc_mean"])[0], 1 - 0.8 * error)
    if means[f"{gap}_mean"].notna().any():  # measured on this benchmark
        axes.set_ylim(min(means[f"{gap}_mean"].min(), 0) - 0.01, max(1.3 * means[f"{gap}_mean"].max(), 0.01))
    scales.set_gap_axis(axes, "y")


def _distances(centre: pd.Series, low: pd.Series, high: pd.Series) -> np.ndarray:
    """Ends of the intervals as distances from the means, (2, rates)."""
    ends = np.stack([centre - low, high - centre])
    return np.asarray(np.nan_to_num(np.maximum(ends, 0)))
