import numpy as np
import pytest
from hand_curves import HAND, NAN, make, trajectories
from hypothesis import given

from stability_gap.analysis.metrics import recovery
from stability_gap.analysis.trajectory import Trajectory


def both(curve):
    """Recovery and whether it recovered."""
    return recovery.recovery(curve), recovery.recovered(curve)


def test_recovery_by_hand():
    # switch 2: .8 -> .4 .6 .8, third iteration; switch 3, mean of tasks 1 and 2: .65 -> .3 .35 .55 .68, fourth
    iterations, recovered = both(HAND)
    assert iterations.tolist() == [3, 4]
    assert recovered.tolist() == [1, 1]


def test_gap_area_by_hand():
    second = (0.4 + 0.2 + 0 + 0) / 4
    third = ((0.6 + 0.3 + 0.1 + 0.04) + (0.1 + 0.3 + 0.1 + 0)) / 8
    assert recovery.gap_area(HAND) == pytest.approx([second, third])
    assert recovery.avg_gap_area(HAND) == pytest.approx((second + third) / 2)


def test_gap_area_does_not_set_a_gain_of_one_task_against_the_loss_of_another():
    curve = make([1, 1, 1], [[0.5, 0.5, 0.9], [0.5, 0.1], [0.3]])
    assert recovery.gap_area(curve) == pytest.approx([0, (0 + 0.4) / 2])


@pytest.mark.parametrize(
    ("after", "iterations", "recovered"),
    [
        ([0.8, 0.8, 0.8, 0.8], 0, 1),  # never falls
        ([0.795, 0.8, 0.792, 0.8], 0, 1),  # never by more than a point
        ([0.8, 0.8, 0.4, 0.795], 4, 1),  # has not dropped yet in the first iterations
        ([0.4, 0.795, 0.3, 0.8], 4, 1),  # back before the minimum, which does not count
        ([0.3, 0.795, 0.4, 0.8], 2, 1),  # back after the minimum, and down again
        ([0.3, 0.5, 0.7, 0.788], NAN, 0),  # not back within the block: 1.2 points are missing
        ([0.9, 0.95, 0.9, 0.9], 0, 1),  # only gains
    ],
)
def test_recovery_starts_from_the_minimum_of_the_block(after, iterations, recovered):
    found = both(make([1, 4], [[0.8, *after], [0.5] * 4]))
    np.testing.assert_array_equal(found, [[iterations], [recovered]])


def test_recovery_counts_iterations_from_the_last_evaluation_before_the_switch():
    iterations, _ = both(make([2, 3], [[0.8, 0.8, 0.3, 0.5, 0.8], [0.5] * 3], every=10))
    assert iterations.tolist() == [30]


def test_one_point_away_is_back_in_single_precision_too():
    values = np.array([0.97, 0.5, 0.96], dtype=np.float32).astype(float).tolist()
    assert values[0] - values[2] > 0.01  # rounding alone
    assert both(make([1, 2], [values, [0.5, 0.5]]))[0].tolist() == [2]


def test_recovery_that_may_have_passed_between_evaluations_is_not_zero():
    assert both(make([2, 2], [[0.8] * 4, [0.5] * 2], every=50))[0].tolist() == [50]  # back by the first evaluation, not before
    dense_start = Trajectory(np.array([1, 50, 51, 100]), np.array([1, 1, 2, 2]), np.array([[0.8, NAN]] * 2 + [[0.8, 0.5]] * 2))
    assert both(dense_start)[0].tolist() == [0]


def test_recovery_is_rounded_up_to_the_evaluation_that_shows_it():
    curve = make([1, 3], [[0.8, 0.3, 0.5, 0.8], [0.5] * 3], every=1)
    sparse = Trajectory(np.array([10, 11, 15, 25]), curve.contexts, curve.accuracy)
    assert both(sparse)[0].tolist() == [15]


def test_gap_area_is_over_updates_not_evaluations():
    # before .8; at update 1 after the switch .2, at update 5 .8, at update 9 .8: linear between
    curve = make([1, 3], [[0.8, 0.2, 0.8, 0.8], [0.5] * 3])
    uneven = Trajectory(np.array([10, 11, 15, 19]), curve.contexts, curve.accuracy)
    falls = [0.6, 0.45, 0.3, 0.15, 0, 0, 0, 0, 0]
    assert recovery.gap_area(uneven) == pytest.approx([sum(falls) / 9])


@given(trajectories(minimum_tasks=2))
def test_gap_area_of_a_line_does_not_depend_on_where_it_was_evaluated(curve):
    whole = np.arange(1, curve.iterations[-1] + 1)
    contexts = curve.contexts[np.searchsorted(curve.iterations, whole)]
    line = np.interp(whole, [0, whole[-1]], [1, 0])
    accuracy = np.where(np.arange(1, curve.tasks + 1) <= contexts[:, None], line[:, None], NAN)
    full = Trajectory(whole, contexts, accuracy)
    thinned = Trajectory(curve.iterations, curve.contexts, accuracy[curve.iterations - 1])
    np.testing.assert_allclose(recovery.gap_area(thinned), recovery.gap_area(full))
