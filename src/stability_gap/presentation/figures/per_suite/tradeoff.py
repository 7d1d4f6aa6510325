"""Final accuracy against stability gap: better is higher without being further to the right.

Accuracy over all tasks at the end against the mean gap, of task 1 (above) and of the previous task (below). Dots are seeds,
markers are means, crosses are 95 % t intervals. The axis of accuracy is a logit, so that good optimizers are told apart also
beside a poor one. A small gap at low accuracy only shows that little was learned.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stability_gap.analysis import bands, figure_data
from stability_gap.presentation import panels, scales, style
from stability_gap.presentation.looks import Look, Looks

REFERENCES = {"avg_sg_first": "Mean stability gap, task 1", "avg_sg_previous": "Mean stability gap, previous task"}
_MOST_LABELS = 6  # with more optimizers than this a legend is easier to read than names beside the points


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw one column per benchmark (then the next row): avg_acc over avg_sg of task 1, below it of the previous task.

    A dot is a seed, a big marker the mean with the 95 % t intervals of both quantities. Accuracy has a logit axis, so that a
    poor optimizer leaves room for those that are close to each other. Where both gaps are the same (two tasks) there is one
    panel. Diverged runs stand in the titles. tables: `metrics.parquet`.
    """
    metrics = tables["metrics.parquet"]
    seeds = figure_data.whole_stream(metrics, ["avg_acc", "diverged", *REFERENCES])
    long = seeds.melt(["benchmark", "optimizer"], [name for name in ("avg_acc", *REFERENCES) if name in seeds])
    means = bands.band(long, ["benchmark", "optimizer", "variable"], "value")
    benchmarks, shown = looks.benchmark_order(seeds["benchmark"]), looks.of(seeds["optimizer"])
    kept = {name: _references(seeds[seeds["benchmark"] == name]) for name in benchmarks}
    high = max((len(references) for references in kept.values()), default=1)
    blocks, columns = style.panel_grid(len(benchmarks))
    figure = style.new_figure(style.grid_width(columns), 0.2 + 2.15 * max(high, 1) * blocks)
    with style.applied():
        if not high:
            style.say_empty(figure, "No accuracy above zero at a switch, so no gap")
            return figure
        grid = figure.subplots(high * blocks, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_visible(False)
        drawn = []
        for number, benchmark in enumerate(benchmarks):
            dots, centres = (table[table["benchmark"] == benchmark] for table in (seeds, means))
            dots = dots.assign(avg_acc=scales.inside(dots["avg_acc"]))
            for row, metric in enumerate(kept[benchmark]):
                axes = grid[high * (number // columns) + row, number % columns]
                axes.set_visible(True)
                crosses = _crosses(centres, metric)
                _draw_panel(axes, metric, dots, crosses, shown)
                drawn.append((axes, metric, dots, crosses))
                axes.set_ylabel("Final accuracy (%)" if number % columns == 0 else "")
                if row == 0:
                    axes.set_title(_title(looks, benchmark, dots), pad=13)
        figure.suptitle(panels.seeds_text(seeds.groupby(["benchmark", "optimizer"])["seed"].nunique()), fontsize=8.5)
        if len(shown) > _MOST_LABELS:
            panels.legend_below(figure, panels.handles(shown, markers_only=True))
        style.freeze(figure)
        for axes, metric, dots, crosses in drawn:
            scales.choose_ticks(axes, "y")
            if len(shown) <= _MOST_LABELS:
                _name_points(axes, dots[[metric, "avg_acc"]].dropna().to_numpy(dtype=float), crosses, shown)
    return figure


def _references(seeds: pd.DataFrame) -> list[str]:
    """The gaps of a benchmark that are there, each once."""
    there = [name for name in REFERENCES if name in seeds and seeds[name].notna().any()]
    return there[:1] if len(there) == 2 and np.allclose(seeds[there[0]], seeds[there[1]], equal_nan=True) else there


def _crosses(centres: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row per optimizer that has both quantities: their means and intervals, `x_mean, x_low, x_high, y_mean, …`."""
    parts = [
        centres[centres["variable"] == name].set_index("optimizer")[["mean", "low", "high"]].add_prefix(axis)
        for axis, name in (("x_", metric), ("y_", "avg_acc"))
    ]
    crosses = parts[0].join(parts[1], how="inner").dropna(subset=["x_mean", "y_mean"])
    return crosses.assign(**{name: scales.inside(crosses[name]) for name in ("y_mean", "y_low", "y_high")})


def _draw_panel(axes: Axes, metric: str, dots: pd.DataFrame, crosses: pd.DataFrame, shown: Mapping[str, Look]) -> None:
    """Draw one benchmark and reference. `dots`: a row per seed."""
    sns.scatterplot(
        dots,
        x=metric,
        y="avg_acc",
        hue="optimizer",
        hue_order=list(shown),
        palette={name: look.colour for name, look in shown.items()},
        s=7,
        alpha=0.45,
        linewidth=0,
        legend=False,
        ax=axes,
    )
    for order, name in enumerate(name for name in shown if name in crosses.index):
        cross, look = crosses.loc[name], shown[name]
        axes.errorbar(  # seaborn has no intervals along both axes
            cross["x_mean"],
            cross["y_mean"],
            xerr=[[cross["x_mean"] - cross["x_low"]], [cross["x_high"] - cross["x_mean"]]],
            yerr=[[cross["y_mean"] - cross["y_low"]], [cross["y_high"] - cross["y_mean"]]],
            fmt=look.marker,
            color=look.colour,
            markeredgecolor="white",
            markeredgewidth=0.5,
            markersize=6,
            linewidth=1,
            zorder=3 + order,
        )
    scales.set_accuracy_axis(axes, "y")
    axes.margins(0.14)
    axes.set_xlabel(REFERENCES[metric])
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.annotate("↖ better", (0, 1), (2, 2), "axes fraction", "offset points", color=style.QUIET, va="bottom")


def _name_points(axes: Axes, dots: np.ndarray, crosses: pd.DataFrame, shown: Mapping[str, Look]) -> None:
    """Write each optimizer's name beside its mean, with a line to it where it had to go far; off all dots and bars."""
    names = [name for name in shown if name in crosses.index]
    means = crosses.loc[names, ["x_mean", "y_mean"]].to_numpy(dtype=float)
    if not len(means):
        return
    texts = [
        axes.text(x, y, shown[name].label, color=shown[name].colour, zorder=20) for name, (x, y) in zip(names, means, strict=True)
    ]
    bars = [
        np.column_stack([np.linspace(cross[f"x_{a}"], cross[f"x_{b}"], 7), np.linspace(cross[f"y_{c}"], cross[f"y_{d}"], 7)])
        for _, cross in crosses.iterrows()
        for a, b, c, d in (("low", "high", "mean", "mean"), ("mean", "mean", "low", "high"))
    ]
    avoid = np.vstack([dots, means, *bars])
    avoid = avoid[np.isfinite(avoid).all(axis=1)]
    arrows = {"arrowstyle": "-", "color": style.QUIET, "lw": 0.5, "shrinkA": 1, "shrinkB": 3}
    # a limit of rounds, as one of time would give other places on a slower machine
    adjust_text(
        texts, *avoid.T, target_x=means[:, 0], target_y=means[:, 1], ax=axes, iter_lim=400, arrowprops=arrows, expand=(1.15, 1.3)
    )


def _title(looks: Looks, benchmark: str, dots: pd.DataFrame) -> str:
    """Benchmark, and the optimizers of which a seed diverged."""
    text = looks.benchmark(benchmark)
    if "diverged" in dots:
        counts = dots[dots["diverged"] == 1].groupby("optimizer")["seed"].nunique()
        text += "".join(f"\n{looks.optimizer(str(name))}: {count} diverged" for name, count in counts.items())
    return text
