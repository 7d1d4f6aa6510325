"""Every control and rival beside the reference, benchmark by benchmark.

Dots are seeds, markers are means, lines are 95 % t intervals; diverged runs count with the worst value. The grey line stands
at the mean of the optimizer that the others are compared with. Accuracy is over all tasks at the end of the stream, on
a logit axis; gaps are on an axis that is linear up to 0.05 and logarithmic beyond. Net: what is left of a gap after taking off
the one at a switch that is none. An oracle is told when the task changes, the others are not.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from stability_gap.analysis import figure_data
from stability_gap.presentation import dots, panels, scales, style
from stability_gap.presentation.looks import Looks


def draw_suite(tables: Mapping[str, pd.DataFrame], looks: Looks, terms: Mapping[str, float]) -> Figure:
    """Draw a row of panels per benchmark, one panel per metric, one line per optimizer. tables: `metrics.parquet`."""
    seeds = figure_data.whole_stream(tables["metrics.parquet"], list(dots.METRICS))
    metrics, benchmarks, shown = dots.present(seeds), looks.benchmark_order(seeds["benchmark"]), looks.of(seeds["optimizer"])
    height = 0.45 + len(benchmarks) * (0.5 + dots.ROW * len(shown))
    figure = style.new_figure(style.PAGE_WIDTH, height)
    with style.applied():
        grid = figure.subplots(len(benchmarks), len(metrics), squeeze=False, sharey=True)
        for line, benchmark in zip(grid, benchmarks, strict=True):
            here = seeds[seeds["benchmark"] == benchmark]
            for axes, (metric, title) in zip(line, metrics.items(), strict=True):
                dots.draw_dots(axes, here, metric, "optimizer", list(shown), shown)
                level = here.loc[here["optimizer"] == looks.reference, metric].mean()
                axes.axvline(level, color=style.QUIET, linewidth=0.6, zorder=0)
                axes.set_title(title, fontsize=7.5)
            line[0].set_yticks(range(len(shown)), [look.label for look in shown.values()], fontsize=6.5)
            for label, name in zip(line[0].get_yticklabels(), shown, strict=True):
                label.set_fontweight("bold" if name == looks.reference else "normal")
            line[0].set_ylabel(looks.benchmark(benchmark), fontsize=8)
        figure.suptitle(panels.seeds_text(seeds.groupby(["benchmark", "optimizer"])["seed"].nunique()), fontsize=8)
        style.freeze(figure)
        for axes in grid.flat:
            scales.choose_ticks(axes, "x")
    return figure
