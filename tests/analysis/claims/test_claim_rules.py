import numpy as np
import pytest
from claim_tables import NOISE
from scipy import stats

from stability_gap.analysis.claims.rules import (
    INCONCLUSIVE,
    NOT_REPRODUCED,
    NOT_TESTED,
    REPRODUCED,
    Comparison,
    adjusted,
    all_of,
    at_most_worse,
    comparison,
    directional,
    in_every_seed,
    level,
    seeds_needed,
    trend,
)


def paired(difference: float, p_holm: float) -> Comparison:
    return Comparison(10, 0.0, -difference, difference, p_holm=p_holm)


def compare(differences: np.ndarray) -> Comparison:
    return comparison(differences, np.zeros(len(differences)), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (paired(-0.2, 0.01), REPRODUCED),
        (paired(-0.2, 0.06), INCONCLUSIVE),
        (paired(0.2, 0.01), NOT_REPRODUCED),
        (paired(0.2, 0.06), INCONCLUSIVE),
        (paired(0.0, 1.0), INCONCLUSIVE),
        (Comparison(1, 0.1, 0.2, -0.1), INCONCLUSIVE),
    ],
)
def test_directional(test, expected):
    assert directional(test, 0.05) == expected


def test_directional_treats_both_signs_alike():
    generator = np.random.default_rng(3)
    mirrored = {REPRODUCED: NOT_REPRODUCED, NOT_REPRODUCED: REPRODUCED, INCONCLUSIVE: INCONCLUSIVE}
    found = set()
    for shift in np.linspace(-2, 2, 15):
        sample = shift + generator.standard_normal(8)
        (one,), (other,) = adjusted([compare(sample)]), adjusted([compare(-sample)])
        assert directional(other, 0.05) == mirrored[directional(one, 0.05)]
        found.add(directional(one, 0.05))
    assert found == set(mirrored)


def test_comparison_by_hand_and_against_scipy():
    sample = NOISE + 0.004
    found = compare(sample)
    interval = stats.ttest_1samp(sample, 0).confidence_interval()
    assert (found.n, found.low, found.high) == (10, pytest.approx(interval.low), pytest.approx(interval.high))
    signs = np.array(np.meshgrid(*[[1, -1]] * 10)).reshape(10, -1).T
    assert found.p_value == pytest.approx((np.abs(signs @ sample) >= abs(sample.sum()) - 1e-12).mean())
    assert compare(np.array([np.nan, 0.5])).n == 1


def test_holm_is_over_the_comparisons_given():
    clear, unclear = compare(NOISE + 1), compare(NOISE)
    first, second = adjusted([clear, unclear])
    assert first.p_holm == 2 * clear.p_value
    assert second.p_holm == unclear.p_value
    assert first.family == 2


def test_of_five_seeds_all_must_agree():
    agreeing, one_differs = compare(np.array([0.1, 0.2, 0.1, 0.3, 0.2])), compare(np.array([0.1, 0.2, 0.1, 0.3, -0.01]))
    assert [directional(each, 0.05) for each in in_every_seed([agreeing, one_differs])] == [NOT_REPRODUCED, INCONCLUSIVE]
    assert directional(adjusted([agreeing])[0], 0.05) == INCONCLUSIVE


@pytest.mark.parametrize(
    ("centre", "expected"),
    [(0.0, REPRODUCED), (0.08, REPRODUCED), (0.099, INCONCLUSIVE), (0.2, NOT_REPRODUCED), (-0.2, NOT_REPRODUCED)],
)
def test_level(centre, expected):
    assert level(NOISE + centre, 0.1)[0] == expected


@pytest.mark.parametrize("slope", [0.0, 0.05, 0.1, 0.15])
def test_trend_judges_a_rise_and_a_fall_by_one_margin(slope):
    mirrored = {"rises": "falls", "level": "level", "": ""}
    up, _ = trend(NOISE + slope, 0.1)
    assert trend(-(NOISE + slope), 0.1)[0] == mirrored[up]
    assert up == {0.0: "level", 0.05: "level", 0.1: "", 0.15: "rises"}[slope]


def test_trend_needs_two_seeds_and_wide_noise_decides_nothing():
    assert trend(np.array([0.0]), 0.1) == ("", "no interval")
    assert trend(np.array([-0.05, 0.05]), 0.1)[0] == ""


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([REPRODUCED, REPRODUCED], REPRODUCED),
        ([REPRODUCED, INCONCLUSIVE], INCONCLUSIVE),
        ([REPRODUCED, INCONCLUSIVE, NOT_REPRODUCED], NOT_REPRODUCED),
        ([REPRODUCED, NOT_TESTED], NOT_TESTED),
        ([NOT_TESTED, NOT_REPRODUCED], NOT_REPRODUCED),
        ([], INCONCLUSIVE),
    ],
)
def test_all_of(parts, whole):
    assert all_of(parts) == whole


def test_at_most_worse_is_about_every_rival():
    better, slightly, worse = NOISE + 0.05, NOISE - 0.005, NOISE - 0.06
    assert at_most_worse([better, slightly], 0.02, 0.05)[0] == REPRODUCED
    assert at_most_worse([better, NOISE - 0.02], 0.02, 0.05)[0] == INCONCLUSIVE
    verdict, not_worse, p_worse = at_most_worse([better, worse], 0.02, 0.05)
    assert verdict == NOT_REPRODUCED
    assert not_worse[1] == pytest.approx(stats.ttest_1samp(worse, -0.02, alternative="greater").pvalue)
    assert p_worse[1] == pytest.approx(stats.ttest_1samp(worse, -0.02, alternative="less").pvalue)
    assert at_most_worse([np.full(4, 0.1)], 0.02, 0.05)[0] == REPRODUCED
    assert at_most_worse([np.full(4, -0.1)], 0.02, 0.05)[0] == NOT_REPRODUCED


def test_inferiority_to_any_is_adjusted():
    once = NOISE[:5] - 0.02 - 0.0063
    assert stats.ttest_1samp(once, -0.02, alternative="less").pvalue < 0.05
    assert at_most_worse([once], 0.02, 0.05)[0] == NOT_REPRODUCED
    assert at_most_worse([once, NOISE[:5] + 1, NOISE[:5] + 1], 0.02, 0.05)[0] == INCONCLUSIVE


def test_seeds_needed():
    # Cohen's table: d = 0.5, two-sided 0.05, 80 % power: 34 pairs
    assert seeds_needed(-0.5, 1.0, 10, 0.05) == "about 34 seeds needed for 80% power"
    assert seeds_needed(-0.5, 1.0, 10, 0.05, sign_flips=True) == "about 34 seeds needed for 80% power"
    assert seeds_needed(5.0, 1.0, 10, 0.05, sign_flips=True) == "about 6 seeds needed for 80% power"  # fewer cannot reach 0.05
    assert seeds_needed(5.0, 1.0, 10, 0.05) == "about 3 seeds needed for 80% power"
    assert seeds_needed(1e6, 1.0, 10, 0.05) == "about 3 seeds needed for 80% power"
    assert seeds_needed(5.0, 1.0, 6, 0.05) == "about 3 seeds needed for 80% power"
    assert seeds_needed(5.0, 1.0, 5, 0.05) == ""  # a standard deviation of so few seeds is no plan
    assert seeds_needed(0.01, 1.0, 10, 0.05) == "over 1000 seeds needed for 80% power"
    assert seeds_needed(0.0, 1.0, 10, 0.05) == seeds_needed(1.0, 0.0, 10, 0.05) == ""
