import math
from dataclasses import replace

import numpy as np
import pytest
from hand_curves import HAND, NAN, make, trajectories, windows
from hypothesis import given

from stability_gap.analysis.metrics import windowed
from stability_gap.analysis.trajectory import Trajectory


def slow_wf(curve: Trajectory, window: int, sign: int = 1) -> float:
    """The definition, pair by pair."""
    per_task = []
    for task in range(curve.tasks):
        changes = [
            sign * (curve.accuracy[s, task] - curve.accuracy[u, task])
            for u in range(len(curve.iterations))
            for s in range(u)
            if curve.iterations[u] - curve.iterations[s] < window and not math.isnan(curve.accuracy[s, task])
        ]
        per_task.append(max(0, *changes) if changes else NAN)
    return sum(per_task) / len(per_task)


def test_windowed_metrics_by_hand():
    # drops: task 1 .8 -> .2, task 2 .5 -> .2, task 3 none; rises: .2 -> .8, .1 -> .6, .3 -> .7
    assert windowed.wf(HAND, 10) == pytest.approx((0.6 + 0.3 + 0) / 3)
    assert windowed.wp(HAND, 10) == pytest.approx((0.6 + 0.5 + 0.4) / 3)
    # neighbours only: task 2 falls .2 at once (.4 -> .2); rises .2 -> .5 twice for task 1, .2, .2
    assert windowed.wf(HAND, 2) == pytest.approx((0.6 + 0.2 + 0) / 3)
    assert windowed.wp(HAND, 2) == pytest.approx((0.3 + 0.2 + 0.2) / 3)


def test_window_counts_pairs_closer_than_delta():
    fall = make([11], [[0.9] + [0.5] * 9 + [0.2]])
    assert windowed.wf(fall, 10) == pytest.approx(0.4)  # .9 -> .5; .9 -> .2 is 10 iterations away, not fewer
    assert windowed.wf(fall, 11) == pytest.approx(0.7)


def test_window_is_in_iterations_when_every_fifth_is_evaluated():
    fall = make([4], [[0.9, 0.7, 0.4, 0.1]], every=5)
    assert windowed.wf(fall, 10) == pytest.approx(0.3)  # only neighbours are closer than 10 iterations
    assert windowed.wf(fall, 11) == pytest.approx(0.6)
    assert math.isnan(windowed.wf(fall, 5))  # no two evaluations are: undefined, not 0


def test_plasticity_sees_a_rise_after_a_drop():
    dip = make([3], [[0.5, 0.1, 0.9]])
    assert windowed.wp(dip, 10) == pytest.approx(0.8)
    assert windowed.wf(dip, 10) == pytest.approx(0.4)


@given(trajectories(), windows)
def test_windowed_metrics_are_what_pair_by_pair_gives(curve, window):
    np.testing.assert_allclose(windowed.wf(curve, window), slow_wf(curve, window))
    np.testing.assert_allclose(windowed.wp(curve, window), slow_wf(curve, window, sign=-1))


@given(trajectories(), windows)
def test_plasticity_is_forgetting_of_the_negated_curve(curve, window):
    negated = replace(curve, accuracy=-curve.accuracy)
    np.testing.assert_array_equal(windowed.wp(curve, window), windowed.wf(negated, window))
    np.testing.assert_array_equal(windowed.wf(curve, window), windowed.wp(negated, window))


@given(trajectories(), windows, windows)
def test_a_wider_window_never_forgets_less(curve, one, other):
    narrow, wide = windowed.wf(curve, min(one, other)), windowed.wf(curve, max(one, other))
    assert math.isnan(narrow) or wide >= narrow
