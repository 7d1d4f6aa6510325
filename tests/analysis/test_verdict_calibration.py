import numpy as np
import pytest

from stability_gap.analysis import calibration
from stability_gap.analysis.claims import rules

VERDICTS = {rules.REPRODUCED: (True, False), rules.NOT_REPRODUCED: (False, True), rules.INCONCLUSIVE: (False, False)}


def drawn(effect, rivals, skewed=True, seeds=7, simulations=15):
    return calibration.differences(effect, rivals, skewed, seeds, simulations, np.random.default_rng(5))


@pytest.mark.parametrize("effect", [-2.0, -0.7, 0.7])
@pytest.mark.parametrize("rivals", [1, 2])
def test_directional_is_that_of_the_rules(effect, rivals):
    sample = drawn(effect, rivals)
    found = list(zip(*calibration.directional(sample), strict=True))
    for each, verdict in zip(sample, found, strict=True):
        tests = rules.adjusted([rules.comparison(one, np.zeros(7), np.random.default_rng(0)) for one in each])
        assert tuple(verdict) == VERDICTS[rules.all_of(rules.directional(test, 0.05) for test in tests)]


@pytest.mark.parametrize("effect", [0.0, 1.0, 2.5])
def test_level_is_that_of_the_rules(effect):
    sample = drawn(effect, 1)
    for each, verdict in zip(sample, zip(*calibration.level(sample), strict=True), strict=True):
        assert tuple(verdict) == VERDICTS[rules.level(each[0], calibration.MARGIN)[0]]


@pytest.mark.parametrize("effect", [0.0, -1.0, -2.0])
def test_at_most_worse_is_that_of_the_rules(effect):
    sample = drawn(effect, 3)
    for each, verdict in zip(sample, zip(*calibration.at_most_worse(sample), strict=True), strict=True):
        assert tuple(verdict) == VERDICTS[rules.at_most_worse(list(each), calibration.MARGIN, 0.05)[0]]


@pytest.mark.parametrize("skewed", [False, True])
def test_differences_have_the_stated_mean_and_standard_deviation(skewed):
    sample = calibration.differences(0.5, 2, skewed, 10, 20_000, np.random.default_rng(0))
    assert sample.mean() == pytest.approx(0.5, abs=0.01)
    assert sample.std() == pytest.approx(1, abs=0.03)


def test_both_verdicts_are_rare_without_an_effect_and_alike_with_one():
    found = calibration.calibrate(simulations=1500, seeds=8).set_index(["rule", "data", "effect"])
    one = found.loc["directional, 1 comparison", "normal"]
    sampling_error = 0.015
    assert (one.loc[0.0] <= 0.025 + sampling_error).all()
    for effect in (0.5, 1.5):
        assert one.loc[-effect, "reproduced"] == pytest.approx(one.loc[effect, "not_reproduced"], abs=4 * sampling_error)
        assert one.loc[effect, "reproduced"] <= 0.01
    for many in (2, 4, 8):
        assert (found.loc[f"directional, {many} comparisons"].xs(0.0, level="effect") <= 0.05).all(axis=None)
