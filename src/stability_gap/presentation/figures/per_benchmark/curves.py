"""Accuracy, test loss and gain over the stream: the paper's main figure, for one benchmark and all its optimizers.

Lines are means over seeds, bands are 95 % t intervals, vertical lines are context switches. The stability gap is the dip of the
accuracy on task 1 right after a switch. In the mean over all seen tasks the fall at a switch is deeper, because the new task
enters it unlearned. The loss axis is logarithmic and ends at 0.01 nats; a band that reaches zero runs out of it. All iterations
after a switch are drawn, and the extremes of every line; between them every few.
"""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from stability_gap.analysis import figure_data
from stability_gap.analysis.runs import BenchmarkRuns
from stability_gap.presentation import panels, style
from stability_gap.presentation.looks import Looks

_LOSS_FLOOR = 0.01  # nats; on a log axis smaller losses would take the room of those that matter
_NAMES = {
    "first": "Accuracy on\ntask 1 (%)",
    "seen": "Mean accuracy,\nseen tasks (%)",
    "loss": "Test loss on\ntask 1 (nats)",
    "gain": "Gain,\noutput layer",
}


def draw_benchmark(runs: BenchmarkRuns, looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw accuracy on task 1, mean accuracy on all tasks seen so far, test loss on task 1 and gain over iterations.

    A line is the mean over seeds, its band the 95 % t interval. A run that diverged counts as chance accuracy, has no loss
    from there on, and is named in the legend. Panels of which there is nothing (no loss, no modulated gain) are left out.
    Errors: UserError where a run diverged and `runs.classes` is None.
    """
    starts = figure_data.context_starts(runs.evaluations)
    made = figure_data.curves(runs.evaluations, runs.training, runs.classes)
    tables = {name: figure_data.thinned(table, list(starts.values())) for name, table in made.items() if len(table)}
    counts = figure_data.seed_counts(runs.evaluations)
    shown = looks.of(counts["optimizer"])
    figure = style.new_figure(style.PAGE_WIDTH, 0.6 + 1.35 * len(tables))
    with style.applied():
        drawn: list[Axes] = list(figure.subplots(len(tables), 1, sharex=True, squeeze=False)[:, 0])
        for axes, (name, table) in zip(drawn, tables.items(), strict=True):
            panels.draw_lines(axes, table, "iteration", shown)
            axes.set_ylabel(_NAMES[name])
            axes.set_xlabel("")
            for start in list(starts.values())[1:]:
                axes.axvline(start - 0.5, color=style.QUIET, linewidth=0.5, zorder=0)
            if name == "loss":
                _log_axis(axes, table)
            elif name != "gain":
                axes.set_ylim(0, 1.03)
                axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        last = int(runs.evaluations["iteration"].max())
        drawn[-1].set_xlabel("Iteration")
        drawn[-1].set_xlim(1, last)
        drawn[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 2.5, 5, 10]))
        _name_contexts(drawn[0], starts, last)
        figure.suptitle(f"{looks.benchmark(runs.benchmark)}, {panels.seeds_text(counts['n'])}", fontsize=8.5)
        figure.align_ylabels(drawn)
        panels.legend_below(figure, panels.handles(shown, counts))
    return figure


def _log_axis(axes: Axes, loss: pd.DataFrame) -> None:
    axes.set_yscale("log")
    means = loss["mean"]
    means = means[(means > 0) & (means < math.inf)]
    if len(means):
        axes.set_ylim(max(means.min() * 0.7, min(_LOSS_FLOOR, means.max() / 2)), means.max() * 1.4)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _name_contexts(axes: Axes, starts: dict[int, int], last: int) -> None:
    """Write "task k" above its context; every second or third where there are many."""
    ends = [*list(starts.values())[1:], last + 1]
    every = -(-len(starts) // 12)
    for (context, start), end in zip(starts.items(), ends, strict=True):
        if (context - 1) % every == 0:
            transform = axes.get_xaxis_transform()
            at = ((start + end) / 2, 1.02)
            axes.text(*at, f"context {context}", ha="center", va="bottom", transform=transform, color=style.QUIET)
