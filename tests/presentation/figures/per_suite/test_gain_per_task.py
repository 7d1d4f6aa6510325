import numpy as np
import pandas as pd
from drawn import texts

from stability_gap.analysis.bands import gain_slopes
from stability_gap.presentation.figures.per_suite.gain_per_task import draw_suite


def test_shows_slope_margin_and_joined_means(small, looks):
    figure = draw_suite({"metrics.parquet": small.metrics}, looks, {"slope_margin": 0.25})
    fits = gain_slopes(small.metrics)
    slope = fits.loc[fits["optimizer"] == "ngm_sgd", "slope"].iloc[0]
    assert f"slope {slope:.3f}".replace("-", "−") in texts(figure)
    assert "a slope of at most 0.25 per context" in texts(figure)
    gains = small.metrics[(small.metrics["metric"] == "mean_gain") & (small.metrics["optimizer"] == "ngm_sgd")]
    means = gains.groupby("context")["value"].mean().to_numpy()
    drawn = [line.get_ydata() for line in figure.axes[0].lines]
    assert any(len(line) == len(means) and np.allclose(np.asarray(line, dtype=float), means) for line in drawn)
    wedge = next(each for each in figure.axes[0].collections if hasattr(each, "get_paths") and each.get_zorder() == 0)
    heights = wedge.get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [means.mean() - 0.125, means.mean() + 0.125])


def test_without_a_margin_none_is_drawn(small, looks):
    assert "level" not in texts(draw_suite({"metrics.parquet": small.metrics}, looks, {}))


def test_without_gain_says_so(small, looks):
    metrics = small.metrics[small.metrics["optimizer"] != "ngm_sgd"]
    assert "No optimizer" in texts(draw_suite({"metrics.parquet": metrics}, looks, {}))


def test_two_optimizers_with_gain_stand_side_by_side(small, looks):
    twin = small.metrics[small.metrics["optimizer"] == "ngm_sgd"].assign(optimizer="mine")
    figure = draw_suite({"metrics.parquet": pd.concat([small.metrics, twin])}, looks, {"slope_margin": 0.1})
    assert "mine: slope" in texts(figure)
    assert "NGM-SGD: slope" in texts(figure)
