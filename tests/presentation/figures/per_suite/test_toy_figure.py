import numpy as np
from drawn import texts

from stability_gap.analysis.toy import simulate
from stability_gap.presentation.figures.per_suite.toy import draw_suite


def test_draws_the_flip_and_the_means_over_runs_with_their_spread(looks):
    table = simulate()
    figure = draw_suite({"toy.csv": table}, looks, {})
    left, middle, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["target", "slow", "fast–slow", "gain, g·w"]
    target = np.asarray(left.lines[0].get_ydata())
    assert (target == -1).sum() == 10
    parts = table[(table["simulation"] == "target_step") & (table["quantity"] == "fast_part")]
    means = parts.groupby("step")["value"].agg(["mean", "std"])
    assert any(np.allclose(line.get_ydata(), means["mean"]) for line in right.lines if len(line.get_ydata()) == len(means))
    assert len(right.collections) == 4
    heights = [band.get_paths()[0].vertices[:, 1] for band in right.collections]
    assert any(np.isclose(each.max(), (means["mean"] + means["std"]).max()) for each in heights)
    assert "50 noisy runs" in texts(figure)
    slow, pair, gain = (np.asarray(line.get_ydata()) for line in middle.lines)
    assert np.ptp(slow) > 1
    assert np.allclose(slow, pair)
    assert np.allclose(slow, gain)
