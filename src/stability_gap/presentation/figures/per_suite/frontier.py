"""The accuracy–stability frontier: stability gap against final accuracy, every optimizer over its learning rates.

A curve leads through the rates of one optimizer, from the smallest (hollow) to the largest; small dots are seeds, crosses are
95 % t intervals, diverged runs count with the worst values. The vertical line stands at the mean final accuracy of the reference
at its own rate: the lower a curve crosses it, the smaller the gap at equal accuracy. The axis of accuracy is a logit.
"""

from collections.abc import Mapping
from dataclasses import replace

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
            here, dots = (table[table["benchmark"] == benchmark] for table in (points, seeds))
            accuracy = levels.loc[levels["benchmark"] == benchmark, "accuracy"].iloc[0]
            for row, (gap, title) in enumerate(gaps.items()):
                axes = grid[row, column]
                _draw_panel(axes, here, dots, gap, shown)
                axes.axvline(accuracy, color=style.INK, linewidth=0.7, linestyle=":", zorder=1)
                axes.set_ylabel(title if column == 0 else "")
                axes.set_xlabel("Final accuracy (%)" if row == len(gaps) - 1 else "")
            grid[0, column].set_title(looks.benchmark(benchmark))
        figure.suptitle(panels.seeds_text(points["n"]), fontsize=8)
        panels.legend_below(figure, panels.handles(shown))
    return figure


def _looks(points: pd.DataFrame, looks: Looks) -> dict[str, Look]:
    """Looks of the optimizers that are varied; the one of which the reference is a member has the solid, wider line."""
    own = points.loc[points["member"] == looks.reference, "optimizer"]
    return replace(looks, reference=None if own.empty else own.iloc[0]).of(points["optimizer"])


def _draw_panel(axes: Axes, points: pd.DataFrame, dots: pd.DataFrame, gap: str, shown: Mapping[str, Look]) -> None:
    """Draw the curves of one benchmark: seeds as dots, means with intervals, a line through them by rate."""
    palette = {name: look.colour for name, look in shown.items()}
    sns.scatterplot(
        dots.assign(avg_acc=scales.inside(dots["avg_acc"])),
        x="avg_acc",
        y=gap,
        hue="base",
        hue_order=list(shown),
        palette=palette,
        s=4,
        alpha=0.3,
        linewidth=0,
        legend=False,
        ax=axes,
    )
    for order, (name, look) in enumerate(shown.items()):
        curve = points[points["optimizer"] == name].sort_values("learning_rate")
        x, y = scales.inside(curve["avg_acc_mean"]), curve[f"{gap}_mean"]
        axes.errorbar(
            x,
            y,
            _distance(curve, gap, y),
            _distance(curve.apply(_inside_columns), "avg_acc", x),
            ecolor=look.colour,
            elinewidth=0.6,
            fmt="none",
            zorder=2 + order,
        )
        (line,) = axes.plot(x, y, color=look.colour, linewidth=look.width, marker=look.marker, markersize=4, zorder=3 + order)
        line.set(markeredgecolor="white", markeredgewidth=0.4)
        panels.set_dashes(line, look)
        axes.plot(
            x.iloc[:1],
            y.iloc[:1],
            marker=look.marker,
            markersize=4,
            markerfacecolor="white",
            markeredgecolor=look.colour,
            zorder=4 + order,
        )
    scales.set_accuracy_axis(axes, "x")


def _inside_columns(column: pd.Series) -> pd.Series:
    return scales.inside(column) if str(column.name).startswith("avg_acc") else column


def _distance(curve: pd.DataFrame, quantity: str, centre: pd.Series) -> np.ndarray:
    """Ends of the intervals as distances from the means, (2, rates)."""
    ends = np.stack([centre - curve[f"{quantity}_low"], curve[f"{quantity}_high"] - centre])
    return np.asarray(np.nan_to_num(np.maximum(ends, 0)))
