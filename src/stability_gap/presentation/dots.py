"""Dot plots of metrics: one row per optimizer or benchmark, dots for seeds, a marker and a line for the mean and its interval."""

from collections.abc import Mapping, Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from stability_gap.analysis import figure_data
from stability_gap.presentation import scales, style
from stability_gap.presentation.looks import Look

METRICS = {  # what a control is read by: is it as accurate, is its gap as small, and is that gap due to the switch?
    "avg_acc": "Final accuracy (%)",
    "avg_sg_first": "Gap, task 1",
    "avg_sg_previous": "Gap, task before",
    "avg_net_sg_previous": "The same, net",
}
ROW = 0.155
"""Height of a row, inches."""


def present(seeds: pd.DataFrame) -> dict[str, str]:
    """Choose the metrics of `METRICS` of which there is a number: column -> title."""
    return {name: title for name, title in METRICS.items() if name in seeds and seeds[name].notna().any()}


def draw_dots(axes: Axes, seeds: pd.DataFrame, metric: str, rows: str, order: Sequence[str], shown: Mapping[str, Look]) -> None:
    """Draw one metric: every seed as a dot, the mean with its 95 % t interval; on an axis that no poor optimizer squeezes.

    Args:
        seeds: a row per seed: columns benchmark, optimizer and `metric`. rows: the column whose values `order` are the rows, from
            the top; where it is not the optimizers, they stand beside one another in a row.
    """
    values = seeds.assign(**{metric: scales.inside(seeds[metric])}) if metric == "avg_acc" else seeds
    several = rows != "optimizer"
    common = {
        "x": metric,
        "y": rows,
        "order": list(order),
        "hue": "optimizer",
        "hue_order": list(shown),
        "palette": {name: look.colour for name, look in shown.items()},
        "legend": False,
        "orient": "h",
        "ax": axes,
    }
    sns.stripplot(values, dodge=several, jitter=False, size=1.8, alpha=0.4, **common)
    sns.pointplot(
        values,
        dodge=0.8 - 0.8 / len(shown) if several else False,
        errorbar=figure_data.t_interval,
        markers=[look.marker for look in shown.values()],
        linestyle="none",
        markersize=3.2,
        err_kws={"linewidth": 0.9},
        **common,
    )
    axes.set(xlabel="", ylabel="")
    if metric == "avg_acc":
        scales.set_accuracy_axis(axes, "x")
        axes.set_xlim(*scales.accuracy_limits(values[metric]))  # an interval may reach beyond 1
    else:
        axes.set_xlim(right=max(axes.get_xlim()[1], 1.2 * axes.get_xlim()[1]))  # half a marker, where the axis is logarithmic
        scales.set_gap_axis(axes, "x")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
