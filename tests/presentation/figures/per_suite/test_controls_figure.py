import numpy as np
from drawn import texts

from stability_gap.analysis.figure_data import whole_stream
from stability_gap.presentation.figures.per_suite.controls import draw_suite


def test_every_optimizer_has_a_row_and_the_reference_a_line_at_its_mean(small, looks):
    figure = draw_suite({"metrics.parquet": small.metrics}, looks, {})
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["SGD", "MSGD", "Adam", "NGM-SGD"]
    gaps = whole_stream(small.metrics, ["avg_sg_first"])
    first = gaps["benchmark"] == looks.benchmark_order(gaps["benchmark"])[0]
    mean = gaps.loc[first & (gaps["optimizer"] == "ngm_sgd"), "avg_sg_first"].mean()
    lines = [line.get_xdata() for line in figure.axes[1].lines]
    assert any(np.allclose(np.asarray(line, dtype=float), [mean, mean]) for line in lines if len(line) == 2)
    assert "n = " in texts(figure)


def test_a_metric_that_is_not_there_has_no_panel(small, looks):
    metrics = small.metrics[~small.metrics["metric"].str.startswith("avg_net_sg")]
    figure = draw_suite({"metrics.parquet": metrics}, looks, {})
    assert "The same, net" not in texts(figure)
    assert "The same, net" in texts(draw_suite({"metrics.parquet": small.metrics}, looks, {}))
