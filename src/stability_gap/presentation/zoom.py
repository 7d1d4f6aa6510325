"""The first iterations after every switch, seed by seed: where the stability gap happens."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from stability_gap.analysis import bands
from stability_gap.presentation import style
from stability_gap.presentation.curves import context_starts, seeds_entries, with_chance

BEFORE, AFTER = 10, 50


def draw_zoom(
    benchmark: str, evaluations: pd.DataFrame, classes: int | None = None, switches: Sequence[int] | None = None
) -> Figure:
    """One column per switch, from `BEFORE` iterations before to `AFTER` after it; accuracy on task 1 above the mean
    over old tasks.

    `evaluations`, `classes` and errors as in `curves.draw_curves`. `switches`: the contexts k to show, all from 2 on by
    default. A thin line is a seed, a thick one the mean over seeds. A stream of one context gives a figure that says
    so.
    """
    starts = context_starts(evaluations)
    chosen = [context for context in starts if context > 1 and (switches is None or context in switches)]
    figure = style.new_figure(style.PAGE_WIDTH if len(chosen) > 1 else style.COLUMN_WIDTH, 3.8)
    shown = style.looks(evaluations["optimizer"])
    entries = seeds_entries(evaluations, shown)
    evaluations = with_chance(evaluations, classes)
    with style.applied():
        if not chosen:
            style.say_empty(figure, f"{style.benchmark_label(benchmark)}: no context switch")
            return figure
        grid = figure.subplots(2, len(chosen), sharex=True, sharey=True, squeeze=False)
        for column, context in enumerate(chosen):
            switch = starts[context] - 1
            near = evaluations[
                evaluations["iteration"].between(switch - BEFORE, switch + AFTER) & (evaluations["task"] < context)
            ]
            near = near.assign(since=near["iteration"] - switch)
            for axes, rows in zip(grid[:, column], (near[near["task"] == 1], near), strict=True):
                seeds = bands.band(rows, ["optimizer", "seed", "since"], "accuracy")
                means = bands.band(seeds, ["optimizer", "since"], "mean")
                for order, (name, look) in enumerate(shown.items()):
                    for _, seed in seeds[seeds["optimizer"] == name].groupby("seed"):
                        axes.plot(seed["since"], seed["mean"], color=look.colour, alpha=0.3, linewidth=0.4, zorder=2)
                    mean = means[means["optimizer"] == name]
                    axes.plot(mean["since"], mean["mean"], color=look.colour, linewidth=look.width + 0.2, zorder=3 + order)
                axes.axvline(0, color=style.QUIET, linewidth=0.6, zorder=0)
                axes.grid(axis="y", color="#e6e6e6", linewidth=0.5, zorder=0)
            grid[0, column].set_title(f"switch to task {context}")
            grid[1, column].set_xlabel("Iterations since the switch")
        grid[0, 0].set_ylabel("Accuracy on\ntask 1 (%)")
        grid[1, 0].set_ylabel("Mean accuracy,\nold tasks (%)")
        grid[0, 0].set_ylim(0, 1.02)
        grid[0, 0].set_xlim(-BEFORE, AFTER)
        grid[0, 0].xaxis.set_major_locator(MultipleLocator(10 if len(chosen) < 4 else 20))
        grid[0, 0].yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        figure.suptitle(style.benchmark_label(benchmark), fontsize=8.5)
        style.legend(figure, entries, shown)
    return figure
