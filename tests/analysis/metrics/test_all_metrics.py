import math
from dataclasses import replace

import numpy as np
import pytest
from hand_curves import HAND, NAN, make, trajectories
from hypothesis import given
from hypothesis import strategies as st

from stability_gap.analysis.metrics import accuracy, gap, recovery, transfer, windowed
from stability_gap.analysis.trajectory import Trajectory


def every_metric(curve: Trajectory) -> dict[str, float]:
    """All scalar metrics of a trajectory."""
    return {
        "avg_acc": accuracy.avg_acc(curve),
        "min_acc": accuracy.min_acc(curve),
        "wc_acc": accuracy.wc_acc(curve),
        **{f"avg_sg_{reference}": gap.avg_sg(curve, reference) for reference in ("previous", "first", "seen")},
        "wf_10": windowed.wf(curve, 10),
        "wp_10": windowed.wp(curve, 10),
        "lca_10": accuracy.lca(curve),
        "forgetting": transfer.forgetting(curve),
        "bwt": transfer.bwt(curve),
        "avg_gap_area": recovery.avg_gap_area(curve),
    }


def both(curve):
    """Recovery and whether it recovered."""
    return recovery.recovery(curve), recovery.recovered(curve)


def least_recovery(curve: Trajectory) -> list[int]:
    """Recovery of a curve that was not seen to fall: 0, or what passed until the first evaluation if that is unknown time."""
    passed = [int(curve.iterations[curve.end(k - 1) + 1] - curve.before(k)) for k in range(2, curve.tasks + 1)]
    return [0 if updates == 1 else updates for updates in passed]


def test_a_drop_at_the_very_last_iteration_counts():
    curve = make([2, 3], [[0.5, 0.8, 0.8, 0.8, 0.2], [0.5, 0.5, 0.5]])
    assert gap.sg(curve, "previous") == pytest.approx([0.75])
    assert accuracy.min_acc(curve) == 0.2
    assert windowed.wf(curve, 10) == pytest.approx((0.6 + 0) / 2)
    assert recovery.gap_area(curve) == pytest.approx([0.6 / 3])
    assert both(curve)[1].tolist() == [0]


def test_one_task_leaves_undefined_what_needs_a_switch():
    curve = make([3], [[0.5, 0.1, 0.9]])
    values = every_metric(curve)
    assert {name for name, value in values.items() if not math.isnan(value)} == {"avg_acc", "lca_10", "wf_10", "wp_10"}
    assert values["avg_acc"] == 0.9
    for per_switch in (gap.sg(curve, "seen"), *both(curve), recovery.gap_area(curve)):
        assert per_switch.shape == (0,)


def test_task_1_alone_leaves_undefined_what_needs_the_others():
    accuracy = HAND.accuracy.copy()
    accuracy[:, 1:] = NAN
    curve = replace(HAND, accuracy=accuracy)
    values = every_metric(curve)
    assert {name for name, value in values.items() if not math.isnan(value)} == {"avg_sg_first"}
    assert values["avg_sg_first"] == gap.avg_sg(HAND, "first")
    np.testing.assert_array_equal(gap.sg(curve, "previous"), [0.5, NAN])
    np.testing.assert_array_equal(gap.sg(curve, "seen"), [0.5, NAN])
    np.testing.assert_array_equal(both(curve), [[3, NAN], [1, NAN]])
    np.testing.assert_array_equal(recovery.gap_area(curve), [recovery.gap_area(HAND)[0], NAN])


@given(trajectories(minimum_tasks=2), st.floats(0.015625, 1, width=32))
def test_a_constant_curve_has_no_gap(curve, level):
    flat = replace(curve, accuracy=np.where(np.isnan(curve.accuracy), NAN, level))
    for reference in ("previous", "first", "seen"):
        assert not gap.sg(flat, reference).any()
        assert gap.avg_sg(flat, reference) == 0
    assert not recovery.gap_area(flat).any()
    assert transfer.forgetting(flat) == transfer.bwt(flat) == 0
    iterations, recovered = both(flat)
    np.testing.assert_array_equal(iterations, least_recovery(curve))
    assert recovered.all()
    for value in (accuracy.avg_acc(flat), accuracy.min_acc(flat), accuracy.wc_acc(flat), accuracy.lca(flat)):
        assert value == pytest.approx(level)


@given(trajectories(minimum_tasks=2))
def test_a_rising_curve_forgets_nothing_and_a_falling_one_learns_nothing(curve):
    # 1.5 stands for "not seen yet", so that it stays in front when sorted downwards
    unseen = np.isnan(curve.accuracy)
    falling = np.sort(np.where(unseen, 1.5, curve.accuracy), axis=0)[::-1]
    down = replace(curve, accuracy=np.where(unseen, NAN, falling))
    up = replace(curve, accuracy=1 - down.accuracy)
    window = int(curve.iterations[-1]) + 1
    for task in range(1, curve.tasks + 1):  # a task with one evaluation has no window
        alone = Trajectory(curve.iterations, np.ones_like(curve.contexts), up.accuracy[:, [task - 1]])
        if curve.block(task).start < len(unseen) - 1:
            assert windowed.wf(alone, window) == 0
            assert windowed.wp(replace(alone, accuracy=down.accuracy[:, [task - 1]]), window) == 0
    assert transfer.forgetting(up) <= 0 <= transfer.forgetting(down)
    assert not recovery.gap_area(up).any()
    np.testing.assert_array_equal(both(up)[0], least_recovery(curve))


@given(trajectories(minimum_tasks=2))
def test_metrics_stay_in_their_range(curve):
    values = every_metric(curve)
    for name in ("avg_acc", "min_acc", "wc_acc", "lca_10", "avg_gap_area"):
        assert 0 <= values[name] <= 1 + 1e-12, name
    for name in ("wf_10", "wp_10"):
        assert math.isnan(values[name]) or 0 <= values[name] <= 1, name
    for name in ("avg_sg_previous", "avg_sg_first", "avg_sg_seen"):
        assert math.isnan(values[name]) or values[name] <= 1, name
    assert -1 <= values["forgetting"] == -values["bwt"] <= 1
    assert values["wc_acc"] <= (curve.accuracy[-1, -1] + sum(curve.accuracy[-1, :-1])) / curve.tasks + 1e-12
    iterations, recovered = both(curve)
    np.testing.assert_array_equal(recovered == 1, ~np.isnan(iterations))


@given(trajectories(minimum_tasks=2, low=0.015625), st.sampled_from([0.5, 0.25]))
def test_the_relative_gap_does_not_depend_on_the_scale_of_the_accuracy(curve, factor):
    scaled = replace(curve, accuracy=factor * curve.accuracy)
    for reference in ("previous", "first", "seen"):
        np.testing.assert_allclose(gap.sg(scaled, reference), gap.sg(curve, reference), atol=1e-12)
    np.testing.assert_allclose(recovery.gap_area(scaled), factor * recovery.gap_area(curve), atol=1e-12)
