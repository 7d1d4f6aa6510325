import numpy as np

from stability_gap.analysis.figure_data import whole_stream
from stability_gap.presentation.figures.per_suite.streams import draw_suite


def test_every_benchmark_has_a_row_with_the_mean_of_each_optimizer(small, looks):
    figure = draw_suite({"metrics.parquet": small.metrics}, looks, {})
    benchmarks = looks.benchmark_order(small.metrics["benchmark"])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [looks.benchmark(name) for name in benchmarks]
    accuracy = whole_stream(small.metrics, ["avg_acc"]).groupby(["benchmark", "optimizer"])["avg_acc"].mean()
    drawn = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in figure.axes[0].lines])
    for mean in accuracy:
        assert np.isclose(drawn, mean).any()
