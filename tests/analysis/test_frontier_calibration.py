"""How often the rule of claim 14 errs, on a made-up frontier of which the truth is known."""

import numpy as np
import pandas as pd
import pytest

from stability_gap.analysis.frontier_calibration import SCATTER, Template, _drawn, shares, template
from stability_gap.files import METRICS

SEEDS, RATES = 10, (0.3, 0.6, 0.8, 0.9)


@pytest.fixture(scope="module")
def crossed() -> Template:
    """A rival whose curve passes the member's accuracy (0.7) halfway between its second and third rate, where its gap is 0.15."""
    noise = 0.02 * np.random.default_rng(0).standard_normal((SEEDS, 10))
    noise -= noise.mean(axis=0)
    accuracy, gap = np.array(RATES) + noise[:, :4], np.array([0.0, 0.1, 0.2, 0.3]) + noise[:, 4:8]
    return Template(accuracy, gap, np.array([0.7, 0.05]) + noise[:, 8:])


def test_the_difference_is_read_off_the_means(crossed):
    assert crossed.difference == pytest.approx(0.15 - 0.05)


def test_a_template_is_taken_by_rising_rate():
    points = pd.DataFrame({"benchmark": "b", "optimizer": "sgd", "member": ["sgd_2", "sgd_1"], "learning_rate": [0.1, 0.01]})
    rows = [
        ("b", name, seed, metric, np.nan, value + seed)
        for name, values in {"sgd_1": (1, 2), "sgd_2": (3, 4), "ngm": (5, 6)}.items()
        for metric, value in zip(("avg_acc", "avg_sg_first"), values, strict=True)
        for seed in (10, 20)
    ]
    found = template(points, pd.DataFrame(rows, columns=METRICS), "b", "first", "sgd", "ngm")
    np.testing.assert_array_equal(found.values, [[11, 13, 12, 14, 15, 16], [21, 23, 22, 24, 25, 26]])


@pytest.mark.parametrize("scatter", SCATTER)
def test_data_have_the_true_difference_and_the_scatter_of_the_template(crossed, scatter):
    drawn = _drawn(crossed, 0.3, scatter, 200_000, np.random.default_rng(1))
    moved = Template(drawn[:, :4], drawn[:, 4:8], drawn[:, 8:])
    assert moved.difference == pytest.approx(0.3, abs=1e-3)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(crossed.values.T), atol=1e-5)


def test_both_verdicts_are_rare_without_a_difference_and_certain_with_a_large_one(crossed):
    def judged(effect: float) -> tuple[float, float]:
        return shares(crossed, effect, "normal", SEEDS, 300, 300, np.random.default_rng(2))

    sampling_error = 3 * np.sqrt(0.025 * 0.975 / 300)
    assert max(judged(0.0)) <= 0.025 + sampling_error
    assert judged(3.0) == pytest.approx((1.0, 0.0), abs=0.02)
    assert judged(-3.0) == pytest.approx((0.0, 1.0), abs=0.02)
