"""Mean gain in every context: does the tonic gain rise over tasks?

Dots are seeds, markers are means with 95 % t intervals. The thin line has the slope that stands above the panel: per context,
the mean over seeds of one least-squares line each, with its 95 % interval. A gain that rises over contexts has an interval above
zero. Grey are the lines so flat that the claim calls the gain level.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stability_gap.analysis import bands, figure_data
from stability_gap.presentation import panels, style
from stability_gap.presentation.looks import Look, Looks


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw one panel per benchmark: mean gain of every seed (dots), their means, joined, with 95 % t intervals.

    Thin and dashed is the fitted line, whose slope per context stands above the panel with its interval over seeds. Shaded are
    the lines that the claim calls level, with a slope of at most `terms["slope_margin"]`; without that key none are.
    Shown is every optimizer whose gain is not 1 throughout; without any the figure says so.
    tables: `metrics.parquet`, of which `mean_gain` enters.
    """
    metrics = tables["metrics.parquet"]
    gains, fits = figure_data.modulated_gains(metrics), bands.gain_slopes(metrics)
    benchmarks = looks.benchmark_order(gains["benchmark"])
    shown = looks.of(gains["optimizer"])
    rows, columns = style.panel_grid(len(benchmarks))
    figure = style.new_figure(style.grid_width(columns), 0.5 + (2.0 + 0.13 * len(shown)) * rows)
    with style.applied():
        if not benchmarks:
            style.say_empty(figure, "No optimizer of this suite has a modulated gain")
            return figure
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(benchmarks) :]:
            axes.set_visible(False)
        for axes, benchmark in zip(grid.flat, benchmarks, strict=False):
            dots, lines = (table[table["benchmark"] == benchmark] for table in (gains, fits))
            here = {name: look for name, look in shown.items() if name in set(dots["optimizer"])}
            _draw_fits(axes, lines, np.unique(dots["context"]), here, terms.get("slope_margin"))
            _draw_gains(axes, dots, here)
            texts = [
                fit_text(look.label if len(shown) > 1 else "", lines[lines["optimizer"] == name].iloc[0])
                for name, look in here.items()
            ]
            axes.set_title("\n".join([looks.benchmark(benchmark), *texts]), fontsize=7)
        for axes in grid[:, 0]:
            axes.set_ylabel("Mean gain in the context")
        caption = _caption(gains, terms.get("slope_margin"))
        figure.supxlabel(("; " if columns > 1 else ";\n").join(caption), fontsize=6.5, color=style.QUIET)
        if len(shown) > 1:
            panels.legend_below(figure, panels.handles(shown))
    return figure


def fit_text(label: str, fit: pd.Series) -> str:
    """Write slope per context and its 95 % interval over seeds, of a row of ``bands.gain_slopes``."""
    if np.isnan(fit["slope"]):
        return f"{label}: one context, no slope".removeprefix(": ")
    interval = f" [{fit['low']:.3f}, {fit['high']:.3f}]" if fit["n"] > 1 else ""
    numbers = f"{fit['slope']:.3f}{interval}".replace("-", "−")
    return f"{label}: slope {numbers}".removeprefix(": ")


def _caption(gains: pd.DataFrame, margin: float | None) -> list[str]:
    seeds = panels.seeds_text(gains.groupby(["benchmark", "optimizer"])["seed"].nunique())
    level = [f"grey: level, a slope of at most {margin:g} per context"] if margin else []
    return [f"{seeds}; slope per context [95 % interval]", *level]


def _draw_fits(axes: Axes, fits: pd.DataFrame, contexts: np.ndarray, shown: Mapping[str, Look], margin: float | None) -> None:
    """Draw the fitted line of every optimizer, and shade the lines through its middle that count as level."""
    places = contexts - contexts.min()  # seaborn's axis of categories counts from 0
    from_middle = contexts - contexts.mean()
    for fit in fits[fits["optimizer"].isin(list(shown))].dropna(subset=["slope"]).to_dict("records"):
        middle = fit["intercept"] + fit["slope"] * contexts.mean()
        line = middle + fit["slope"] * from_middle
        axes.plot(places, line, color=shown[fit["optimizer"]].colour, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
        if margin:
            edge = margin * from_middle
            axes.fill_between(places, middle - edge, middle + edge, color="#ededed", linewidth=0, zorder=0)


def _draw_gains(axes: Axes, dots: pd.DataFrame, shown: Mapping[str, Look]) -> None:
    colours = {name: look.colour for name, look in shown.items()}
    several = len(shown) > 1
    style_of = {"hue": "optimizer", "hue_order": list(shown), "palette": colours, "legend": False, "ax": axes}
    sns.stripplot(dots, x="context", y="value", dodge=several, jitter=False, size=2.2, alpha=0.45, **style_of)
    sns.pointplot(
        dots,
        x="context",
        y="value",
        errorbar=figure_data.t_interval,
        dodge=0.4 if several else False,
        markers=[look.marker for look in shown.values()],
        linestyles=[(0, look.dashes) if look.dashes[1] else "-" for look in shown.values()],
        markersize=4.5,
        linewidth=1.1,
        err_kws={"linewidth": 1.1},
        **style_of,
    )
    axes.set(xlabel="Context", ylabel="")
    axes.margins(y=0.1)
