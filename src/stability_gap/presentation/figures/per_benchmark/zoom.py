"""The first iterations after every switch, seed by seed: where the stability gap happens.

Accuracy from 10 iterations before to 50 after every switch, in percent of the accuracy at the switch: all optimizers start from
100 there, however good they are, and the depth to which a seed falls on task 1 is its stability gap. Above task 1, below the mean
over all tasks before the switch; at the first switch both are the same. Thin lines are single seeds, thick lines their means. The
axis holds every mean and every fall of a seed; single wild rises run out of it.
"""

from collections.abc import Mapping, Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stability_gap.analysis import bands, figure_data
from stability_gap.analysis.runs import BenchmarkRuns
from stability_gap.presentation import panels, style
from stability_gap.presentation.looks import Look, Looks

BEFORE, AFTER = 10, 50
_X = "Iterations since the switch"
_NAMES = {"first": "task 1", "old": "mean of old tasks"}


def draw_benchmark(
    runs: BenchmarkRuns, looks: Looks, terms: Mapping[str, float], switches: Sequence[int] | None = None
) -> Figure:
    """Draw accuracy around every switch, from `BEFORE` iterations before to `AFTER` after it, or to the next switch.

    Accuracy is in percent of that at the switch, so that all optimizers start from 100, however good they are, and the
    depth of a fall is the stability gap. Above task 1, below the mean over old tasks, which at the first switch is the same
    and left out. A thin line is a seed, a thick one the mean. `switches`: the contexts k to show, all from 2 on by default.
    A stream of one context gives a figure that says so, as do runs that know nothing at any switch.
    Errors: UserError where a run diverged and `runs.classes` is None.
    """
    windows = figure_data.switch_windows(runs.evaluations, runs.classes, BEFORE, AFTER, switches)
    there = len(windows) > 0
    windows = windows.dropna(subset=["relative"])  # an accuracy of zero at the switch has no percent
    counts = figure_data.seed_counts(runs.evaluations)
    shown = looks.of(counts["optimizer"])
    columns, rows = list(windows["switch"].unique()), [name for name in _NAMES if (windows["panel"] == name).any()]
    figure = style.new_figure(style.PAGE_WIDTH if len(columns) > 1 else style.COLUMN_WIDTH, 0.7 + 1.65 * max(len(rows), 1))
    with style.applied():
        if not columns:
            why = "no accuracy above zero at a switch" if there else "no context switch"
            style.say_empty(figure, f"{looks.benchmark(runs.benchmark)}: {why}")
            return figure
        grid = figure.subplots(len(rows), len(columns), sharex=True, sharey="row", squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for line, panel in zip(grid, rows, strict=True):
            here = windows[windows["panel"] == panel]
            means = bands.band(here, ["optimizer", "switch", "since"], "relative")
            for axes, switch in zip(line, columns, strict=True):
                if len(near := here[here["switch"] == switch]):
                    _draw_panel(axes, near, means[means["switch"] == switch], shown)
                    axes.text(0.98, 0.03, _NAMES[panel], ha="right", color=style.QUIET, transform=axes.transAxes)
            first = next(axes for axes in line if axes.axison)
            first.tick_params(labelleft=True)
            low, high = figure_data.shown_range(here, means)
            first.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        for axes, switch in zip(grid[0], columns, strict=True):
            axes.set_title(f"switch to task {switch}")
        for line in grid.T:
            lowest = [axes for axes in line if axes.axison][-1]
            lowest.tick_params(labelbottom=True)
        grid[0, 0].set_xlim(-BEFORE, max(1, windows["since"].max()))
        figure.supylabel("Accuracy (% of that at the switch)", fontsize=7.5)
        figure.suptitle(f"{looks.benchmark(runs.benchmark)}, {panels.seeds_text(counts['n'])}", fontsize=8.5)
        entries = panels.handles(shown, counts)
        if grid[-1, 0].axison or len(entries) > 8:
            grid[-1, len(columns) // 2].set_xlabel(_X)  # a label of the figure would lie under the legend
            panels.legend_below(figure, entries)
        else:  # the panel that would be a copy has room for it
            figure.supxlabel(_X, fontsize=7.5)
            grid[-1, 0].legend(handles=entries, loc="center", handlelength=3.4, labelspacing=0.8)
    return figure


def _draw_panel(axes: Axes, seeds: pd.DataFrame, means: pd.DataFrame, shown: Mapping[str, Look]) -> None:
    axes.set_axis_on()
    colours = {name: look.colour for name, look in shown.items()}
    sns.lineplot(
        seeds,
        x="since",
        y="relative",
        hue="optimizer",
        palette=colours,
        hue_order=list(shown),
        units="seed",
        estimator=None,
        alpha=0.3,
        linewidth=0.4,
        zorder=1.5,
        legend=False,
        ax=axes,
    )
    panels.draw_lines(axes, means.drop(columns=["low", "high"]), "since", shown)
    axes.axvline(0, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.axhline(1, color=style.QUIET, linewidth=0.6, zorder=0)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.5, zorder=0)
    axes.set(xlabel="", ylabel="")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
