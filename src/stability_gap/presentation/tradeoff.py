"""Final accuracy against stability gap: better is higher without being further to the right."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stability_gap.analysis import bands
from stability_gap.presentation import style
from stability_gap.presentation.labels import place_labels

REFERENCES = {"avg_sg_first": "Mean stability gap, task 1", "avg_sg_previous": "Mean stability gap, previous task"}
_MOST_LABELS = 6  # with more optimizers than this a legend is easier to read than names beside the points


def draw_tradeoff(metrics: pd.DataFrame) -> Figure:
    """One column per benchmark (then the next row); avg_acc over avg_sg with reference `first`, below it with
    `previous`.

    `metrics`: metrics.parquet. A dot is a seed, a big marker the mean with the 95 % t intervals of both quantities. n
    and diverged runs stand in the titles.
    """
    whole = metrics[metrics["context"].isna() & metrics["metric"].isin(["avg_acc", "diverged", *REFERENCES])]
    benchmarks = sorted(whole["benchmark"].unique())
    shown = style.looks(whole["optimizer"])
    cells = whole.set_index(["benchmark", "optimizer", "seed", "metric"])["value"]
    seeds = cells.unstack("metric").reset_index()  # noqa: PD010 - refuses a double row, pivot_table would average it
    means = bands.band(whole, ["benchmark", "optimizer", "metric"], "value")
    blocks, columns = style.panel_grid(len(benchmarks))
    figure = style.new_figure(style.grid_width(columns), 4.8 * blocks)
    with style.applied():
        grid = figure.subplots(2 * blocks, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_visible(False)
        drawn = []
        for number, benchmark in enumerate(benchmarks):
            for row, (metric, label) in enumerate(REFERENCES.items()):
                axes = grid[2 * (number // columns) + row, number % columns]
                axes.set_visible(True)
                dots, centres = seeds[seeds["benchmark"] == benchmark], means[means["benchmark"] == benchmark]
                drawn.append((axes, metric, dots, centres))
                _draw_panel(axes, metric, dots, centres, shown)
                axes.set_xlabel(label)
                axes.set_ylabel("Final accuracy (%)")
                if row == 0:
                    axes.set_title(_title(benchmark, dots), pad=13)
        if len(shown) > _MOST_LABELS:
            style.legend(figure, {name: look.label for name, look in shown.items()}, shown, markers=True)
            return figure
        style.freeze(figure)
        for axes, metric, dots, centres in drawn:
            means_of = centres.set_index(["optimizer", "metric"])["mean"]
            names = [
                (means_of[name, metric], means_of[name, "avg_acc"], look.label, look.colour)
                for name, look in shown.items()
                if (name, metric) in means_of.index and (name, "avg_acc") in means_of.index
            ]
            place_labels(axes, names, np.vstack([dots[[metric, "avg_acc"]].to_numpy(dtype=float), *_bars(centres, metric)]))
    return figure


def _draw_panel(axes: Axes, metric: str, dots: pd.DataFrame, centres: pd.DataFrame, shown: dict[str, style.Look]) -> None:
    """Dots and means of one benchmark and reference. `dots`: a row per seed; `centres`: bands per optimizer, metric."""
    for order, (name, look) in enumerate(shown.items()):
        seeds = dots[dots["optimizer"] == name]
        axes.plot(seeds[metric], seeds["avg_acc"], ".", color=look.colour, alpha=0.45, markersize=4, markeredgewidth=0)
        rows = centres[centres["optimizer"] == name].set_index("metric")
        if not {metric, "avg_acc"} <= set(rows.index):
            continue
        x, y = rows.loc[metric], rows.loc["avg_acc"]
        axes.errorbar(
            x["mean"],
            y["mean"],
            xerr=[[x["mean"] - x["low"]], [x["high"] - x["mean"]]],
            yerr=[[y["mean"] - y["low"]], [y["high"] - y["mean"]]],
            fmt=look.marker,
            color=look.colour,
            markeredgecolor="white",
            markeredgewidth=0.5,
            markersize=6,
            linewidth=1,
            zorder=3 + order,
        )
    axes.margins(0.12)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
    axes.annotate(
        "↖ better", (0, 1), (2, 2), xycoords="axes fraction", textcoords="offset points", color=style.QUIET, va="bottom"
    )


def _bars(centres: pd.DataFrame, metric: str) -> list[np.ndarray]:
    """Points along the interval bars, which labels should not cover: one (18, 2) array per optimizer."""
    bars = []
    for _, rows in centres.groupby("optimizer"):
        cross = rows.set_index("metric")
        if not {metric, "avg_acc"} <= set(cross.index):
            continue
        x, y = cross.loc[metric], cross.loc["avg_acc"]
        along_x, along_y = np.linspace(x["low"], x["high"], 9), np.linspace(y["low"], y["high"], 9)
        bars.append(
            np.vstack([np.column_stack([along_x, np.full(9, y["mean"])]), np.column_stack([np.full(9, x["mean"]), along_y])])
        )
    return bars


def _title(benchmark: str, dots: pd.DataFrame) -> str:
    """Benchmark, its number of seeds, and the optimizers of which a seed diverged."""
    text = f"{style.benchmark_label(benchmark)} (n = {dots['seed'].nunique()})"
    if "diverged" in dots:
        counts = dots[dots["diverged"] == 1].groupby("optimizer")["seed"].nunique()
        text += "".join(f"\n{style.optimizer_label(str(name))}: {count} diverged" for name, count in counts.items())
    return text
