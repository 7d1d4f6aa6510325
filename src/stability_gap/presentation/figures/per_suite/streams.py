"""How the gap depends on the stream: the same optimizers on every benchmark of the suite.

Dots are seeds, markers are means, lines are 95 % t intervals; diverged runs count with the worst value. Accuracy is over all
tasks at the end of the stream, on a logit axis; gaps are on an axis that is linear up to 0.05 and logarithmic beyond. Net: what
is left of a gap after taking off the one at a switch that is none. Where nothing switches that should be zero; but the placebo
comes later in training than the switch, so noise that fades with training, as Adam's may, is left over.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from stability_gap.analysis import figure_data
from stability_gap.presentation import dots, panels, scales, style
from stability_gap.presentation.looks import Looks


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw one panel per metric, one row per benchmark, in it the optimizers beside one another. tables: `metrics.parquet`."""
    seeds = figure_data.whole_stream(tables["metrics.parquet"], list(dots.METRICS))
    metrics, benchmarks, shown = dots.present(seeds), looks.benchmark_order(seeds["benchmark"]), looks.of(seeds["optimizer"])
    height = 0.9 + len(benchmarks) * max(0.25, 0.09 * len(shown))
    figure = style.new_figure(style.PAGE_WIDTH, height)
    with style.applied():
        grid = figure.subplots(1, len(metrics), squeeze=False, sharey=True)
        for axes, (metric, title) in zip(grid[0], metrics.items(), strict=True):
            dots.draw_dots(axes, seeds, metric, "benchmark", benchmarks, shown)
            if metric != "avg_acc":
                axes.axvline(0, color=style.QUIET, linewidth=0.6, zorder=0)
            axes.set_title(title, fontsize=7.5)
        grid[0, 0].set_yticks(range(len(benchmarks)), [looks.benchmark(name) for name in benchmarks])
        figure.suptitle(panels.seeds_text(seeds.groupby(["benchmark", "optimizer"])["seed"].nunique()), fontsize=8)
        panels.legend_below(figure, panels.handles(shown, markers_only=True))
        style.freeze(figure)
        for axes in grid.flat:
            scales.choose_ticks(axes, "x")
    return figure
