"""Accuracy, test loss and gain over the stream: the paper's main figure, for one benchmark and all its optimizers."""

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from stability_gap.analysis import bands
from stability_gap.analysis.metrics import at_chance
from stability_gap.presentation import style
from stability_gap.presentation.style import Look

_LOSS_FLOOR = 0.01  # nats; on a log axis smaller losses would take the room of those that matter


def draw_curves(benchmark: str, evaluations: pd.DataFrame, training: pd.DataFrame, classes: int | None = None) -> Figure:
    """Rows: accuracy on task 1, mean accuracy on all tasks seen so far, test loss on task 1, gain; over iterations.

    `evaluations` and `training` are the run tables of data-contracts.md of all optimizers behind one another, with a
    column `optimizer`. A line is the mean over seeds, its band the 95 % t interval. A run that diverged counts as
    chance accuracy, 1 / `classes`, has no loss from there on, and is named in the legend. The gain is that of the
    output layer, drawn where it is not 1 throughout; without any, the row is left out. Errors: UserError where a run
    diverged and `classes` is None.
    """
    shown = style.looks(evaluations["optimizer"])
    entries = seeds_entries(evaluations, shown)
    evaluations = with_chance(evaluations, classes)
    first = evaluations[evaluations["task"] == 1]
    seen = bands.band(evaluations, ["optimizer", "seed", "iteration"], "accuracy")
    gain = gains(training)
    rows = [
        ("Accuracy on\ntask 1 (%)", bands.band(first, ["optimizer", "iteration"], "accuracy")),
        ("Mean accuracy,\nseen tasks (%)", bands.band(seen, ["optimizer", "iteration"], "mean")),
        ("Test loss on\ntask 1 (nats)", bands.band(first, ["optimizer", "iteration"], "loss")),
    ]
    if len(gain):
        rows.append(("Gain,\noutput layer", bands.band(gain, ["optimizer", "iteration"], "gain")))
    figure = style.new_figure(style.PAGE_WIDTH, 0.6 + 1.45 * len(rows))
    starts = context_starts(evaluations)
    with style.applied():
        panels: list[Axes] = list(figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0])
        for axes, (label, table) in zip(panels, rows, strict=True):
            draw_bands(axes, table, "iteration", shown)
            axes.set_ylabel(label)
            for start in list(starts.values())[1:]:
                axes.axvline(start - 0.5, color=style.QUIET, linewidth=0.5, zorder=0)
        for axes in panels[:2]:
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        panels[2].set_yscale("log")
        panels[2].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        loss = rows[2][1]["mean"]
        loss = loss[(loss > 0) & (loss < math.inf)]
        if len(loss):
            panels[2].set_ylim(max(loss.min() * 0.7, min(_LOSS_FLOOR, loss.max() / 2)), loss.max() * 1.4)
        panels[-1].set_xlabel("Iteration")
        last = int(evaluations["iteration"].max())
        panels[-1].set_xlim(1, last)
        ends = [*list(starts.values())[1:], last + 1]
        for (context, start), end in zip(starts.items(), ends, strict=True):
            transform = panels[0].get_xaxis_transform()
            panels[0].text(
                (start + end) / 2,
                1.02,
                f"context {context}",
                ha="center",
                va="bottom",
                transform=transform,
                color=style.QUIET,
            )
        figure.suptitle(style.benchmark_label(benchmark), fontsize=8.5)
        figure.align_ylabels(panels)
        style.legend(figure, entries, shown)
    return figure


def with_chance(evaluations: pd.DataFrame, classes: int | None) -> pd.DataFrame:
    """`evaluations` of several optimizers, at chance where a run diverged. Errors: UserError as `at_chance`."""
    if not evaluations["accuracy"].isna().any():
        return evaluations
    return pd.concat([at_chance(rows, classes) for _, rows in evaluations.groupby("optimizer")], ignore_index=True)


def draw_bands(axes: Axes, table: pd.DataFrame, x: str, shown: Mapping[str, Look]) -> None:
    """Mean line and band of every optimizer. `table`: columns optimizer, `x`, mean, low, high, as from `bands.band`."""
    for order, (name, look) in enumerate(shown.items()):
        rows = table[table["optimizer"] == name]
        axes.fill_between(rows[x], rows["low"], rows["high"], color=look.colour, alpha=0.2, linewidth=0, zorder=2 + order)
        axes.plot(rows[x], rows["mean"], color=look.colour, linewidth=look.width, zorder=2.5 + order)


def gains(training: pd.DataFrame) -> pd.DataFrame:
    """optimizer, seed, iteration, gain (of the output layer) of every optimizer whose gain is not 1 throughout."""
    columns = [column for column in training if str(column).startswith("gain_")]
    if not columns:
        return pd.DataFrame(columns=["optimizer", "seed", "iteration", "gain"])
    output = "gain_output" if "gain_output" in columns else columns[-1]  # other people's layers have other names
    table = training[["optimizer", "seed", "iteration"]].assign(gain=training[output])
    modulated = table.loc[table["gain"].notna() & (table["gain"] != 1), "optimizer"].unique()
    return table[table["optimizer"].isin(modulated)]


def context_starts(evaluations: pd.DataFrame) -> dict[int, int]:
    """First iteration of each context, by context: the one after the last evaluation of the context before, whatever ρ is."""
    ends = evaluations.groupby("context")["iteration"].max()
    starts = ends.shift(fill_value=0) + 1
    return {int(context): int(start) for context, start in starts.items()}  # type: ignore[call-overload]


def seeds_entries(evaluations: pd.DataFrame, shown: Mapping[str, Look]) -> dict[str, str]:
    """Legend text per optimizer, with the number of seeds and of those that diverged (their accuracy ends as NaN)."""
    last = evaluations[evaluations["iteration"] == evaluations["iteration"].max()]
    entries = {}
    for name, look in shown.items():
        seeds = evaluations.loc[evaluations["optimizer"] == name, "seed"].nunique()
        diverged = last.loc[(last["optimizer"] == name) & last["accuracy"].isna(), "seed"].nunique()
        entries[name] = style.seeds_label(look.label, seeds, diverged)
    return entries
