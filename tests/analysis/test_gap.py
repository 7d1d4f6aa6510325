import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_gap.analysis import gap
from stability_gap.analysis.gap import Trajectory

NAN = math.nan


def make(blocks: list[int], curves: list[list[float]], every: int = 1) -> Trajectory:
    """Trajectory from block lengths and, per task, its accuracies from its own block on; evaluated every `every`."""
    evaluations = sum(blocks)
    accuracy = np.array([[NAN] * (evaluations - len(curve)) + curve for curve in curves]).T
    contexts = np.repeat(np.arange(1, len(blocks) + 1), blocks)
    return Trajectory(every * np.arange(1, evaluations + 1), contexts, accuracy)


# Three contexts of four iterations; all the numbers below are computed from these curves by hand.
HAND = make(
    [4, 4, 4],
    [
        [0.2, 0.5, 0.7, 0.8, 0.4, 0.6, 0.8, 0.8, 0.2, 0.5, 0.7, 0.76],
        [0.1, 0.3, 0.5, 0.5, 0.4, 0.2, 0.4, 0.6],
        [0.3, 0.5, 0.6, 0.7],
    ],
)


@st.composite
def trajectories(draw, minimum_tasks=1, low=0.0):
    """Streams of 1 to 4 contexts of unequal length, evaluated at uneven distances."""
    blocks = draw(st.lists(st.integers(1, 7), min_size=minimum_tasks, max_size=4))
    evaluations = sum(blocks)
    steps = draw(st.lists(st.integers(1, 9), min_size=evaluations, max_size=evaluations))
    number = st.floats(low, 1, width=32)
    curves = []
    for task in range(len(blocks)):
        length = sum(blocks[task:])
        curves.append(draw(st.lists(number, min_size=length, max_size=length)))
    return replace(make(blocks, curves), iterations=np.cumsum(steps))


windows = st.integers(1, 40)


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


def every_metric(curve: Trajectory) -> dict[str, float]:
    """All scalar metrics of a trajectory."""
    return {
        "avg_acc": gap.avg_acc(curve),
        "min_acc": gap.min_acc(curve),
        "wc_acc": gap.wc_acc(curve),
        **{f"avg_sg_{reference}": gap.avg_sg(curve, reference) for reference in ("previous", "first", "seen")},
        "wf_10": gap.wf(curve, 10),
        "wp_10": gap.wp(curve, 10),
        "lca_10": gap.lca(curve),
        "forgetting": gap.forgetting(curve),
        "bwt": gap.bwt(curve),
        "avg_gap_area": gap.avg_gap_area(curve),
    }


def test_trajectory_takes_rows_in_any_order():
    rows = [(1, 1, 1, 0.5), (2, 1, 1, 0.6), (4, 2, 1, 0.3), (4, 2, 2, 0.1), (6, 2, 1, 0.4), (6, 2, 2, 0.2)]
    for order in (rows, rows[::-1]):
        curve = gap.trajectory(*(np.array(column) for column in zip(*order, strict=True)))
        assert curve.iterations.tolist() == [1, 2, 4, 6]
        assert curve.contexts.tolist() == [1, 1, 2, 2]
        np.testing.assert_array_equal(curve.accuracy, [[0.5, NAN], [0.6, NAN], [0.3, 0.1], [0.4, 0.2]])
        assert curve.block(2) == slice(2, 4)
        assert curve.end(1) == 1


def test_accuracies_by_hand():
    assert gap.avg_acc(HAND) == pytest.approx((0.76 + 0.6 + 0.7) / 3)
    # lowest of task 1 after iteration 4: .2 at 9; of task 2 after iteration 8: .2 at 10
    assert gap.min_acc(HAND) == pytest.approx((0.2 + 0.2) / 2)
    assert gap.wc_acc(HAND) == pytest.approx(0.7 / 3 + (1 - 1 / 3) * 0.2)


def test_stability_gaps_by_hand():
    # switch 2: task 1 from .8 to .4; switch 3: task 1 from .8 to .2, task 2 from .5 to .2
    second, third_of_1, third_of_2 = 0.4 / 0.8, 0.6 / 0.8, 0.3 / 0.5
    assert gap.sg(HAND, "previous") == pytest.approx([second, third_of_2])
    assert gap.sg(HAND, "first") == pytest.approx([second, third_of_1])
    assert gap.sg(HAND, "seen") == pytest.approx([second, (third_of_1 + third_of_2) / 2])
    assert gap.avg_sg(HAND, "previous") == pytest.approx((0.5 + 0.6) / 2)
    assert gap.avg_sg(HAND, "first") == pytest.approx((0.5 + 0.75) / 2)
    assert gap.avg_sg(HAND, "seen") == pytest.approx((0.5 + 0.675) / 2)


def test_windowed_metrics_by_hand():
    # drops: task 1 .8 -> .2, task 2 .5 -> .2, task 3 none; rises: .2 -> .8, .1 -> .6, .3 -> .7
    assert gap.wf(HAND, 10) == pytest.approx((0.6 + 0.3 + 0) / 3)
    assert gap.wp(HAND, 10) == pytest.approx((0.6 + 0.5 + 0.4) / 3)
    # neighbours only: task 2 falls .2 at once (.4 -> .2); rises .2 -> .5 twice for task 1, .2, .2
    assert gap.wf(HAND, 2) == pytest.approx((0.6 + 0.2 + 0) / 3)
    assert gap.wp(HAND, 2) == pytest.approx((0.3 + 0.2 + 0.2) / 3)


def test_learning_and_forgetting_by_hand():
    assert gap.lca(HAND) == pytest.approx(((0.2 + 0.5 + 0.7 + 0.8) + (0.1 + 0.3 + 0.5 + 0.5) + 2.1) / 4 / 3)
    assert gap.lca(HAND, first=2) == pytest.approx((0.35 + 0.2 + 0.4) / 3)
    assert gap.forgetting(HAND) == pytest.approx(((0.8 - 0.76) + (0.5 - 0.6)) / 2)
    assert gap.bwt(HAND) == pytest.approx(0.03)


def test_recovery_by_hand():
    # switch 2: .8 -> .4 .6 .8, third iteration; switch 3, mean of tasks 1 and 2: .65 -> .3 .35 .55 .68, fourth
    iterations, recovered = gap.recovery(HAND)
    assert iterations.tolist() == [3, 4]
    assert recovered.tolist() == [1, 1]


def test_gap_area_by_hand():
    second = (0.4 + 0.2 + 0 + 0) / 4
    third = ((0.6 + 0.3 + 0.1 + 0.04) + (0.1 + 0.3 + 0.1 + 0)) / 8
    assert gap.gap_area(HAND) == pytest.approx([second, third])
    assert gap.avg_gap_area(HAND) == pytest.approx((second + third) / 2)


def test_gap_area_does_not_set_a_gain_of_one_task_against_the_loss_of_another():
    curve = make([1, 1, 1], [[0.5, 0.5, 0.9], [0.5, 0.1], [0.3]])
    assert gap.gap_area(curve) == pytest.approx([0, (0 + 0.4) / 2])


def test_min_acc_leaves_out_the_end_of_the_tasks_own_block_and_the_current_task():
    curve = make([2, 2], [[0.9, 0.0, 0.7, 0.6], [0.0, 0.8]])
    assert gap.min_acc(curve) == 0.6


def test_window_counts_pairs_closer_than_delta():
    fall = make([11], [[0.9] + [0.5] * 9 + [0.2]])
    assert gap.wf(fall, 10) == pytest.approx(0.4)  # .9 -> .5; .9 -> .2 is 10 iterations away, not fewer
    assert gap.wf(fall, 11) == pytest.approx(0.7)


def test_window_is_in_iterations_when_every_fifth_is_evaluated():
    fall = make([4], [[0.9, 0.7, 0.4, 0.1]], every=5)
    assert gap.wf(fall, 10) == pytest.approx(0.3)  # only neighbours are closer than 10 iterations
    assert gap.wf(fall, 11) == pytest.approx(0.6)
    assert math.isnan(gap.wf(fall, 5))  # no two evaluations are: undefined, not 0


def test_plasticity_sees_a_rise_after_a_drop():
    dip = make([3], [[0.5, 0.1, 0.9]])
    assert gap.wp(dip, 10) == pytest.approx(0.8)
    assert gap.wf(dip, 10) == pytest.approx(0.4)


def test_a_drop_at_the_very_last_iteration_counts():
    curve = make([2, 3], [[0.5, 0.8, 0.8, 0.8, 0.2], [0.5, 0.5, 0.5]])
    assert gap.sg(curve, "previous") == pytest.approx([0.75])
    assert gap.min_acc(curve) == 0.2
    assert gap.wf(curve, 10) == pytest.approx((0.6 + 0) / 2)
    assert gap.gap_area(curve) == pytest.approx([0.6 / 3])
    assert gap.recovery(curve)[1].tolist() == [0]


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
    found = gap.recovery(make([1, 4], [[0.8, *after], [0.5] * 4]))
    np.testing.assert_array_equal(found, [[iterations], [recovered]])


def test_recovery_counts_iterations_from_the_last_evaluation_before_the_switch():
    iterations, _ = gap.recovery(make([2, 3], [[0.8, 0.8, 0.3, 0.5, 0.8], [0.5] * 3], every=10))
    assert iterations.tolist() == [30]


def test_one_point_away_is_back_in_single_precision_too():
    values = np.array([0.97, 0.5, 0.96], dtype=np.float32).astype(float).tolist()
    assert values[0] - values[2] > 0.01  # rounding alone
    assert gap.recovery(make([1, 2], [values, [0.5, 0.5]]))[0].tolist() == [2]


def test_nothing_to_lose_is_undefined_and_left_out_of_the_average():
    curve = make([1, 1, 1], [[0.0, 0.5, 0.25], [0.0, 0.0], [0.7]])
    np.testing.assert_array_equal(gap.sg(curve, "first"), [NAN, 0.5])
    np.testing.assert_array_equal(gap.sg(curve, "previous"), [NAN, NAN])
    np.testing.assert_array_equal(gap.sg(curve, "seen"), [NAN, 0.5])
    assert gap.avg_sg(curve, "first") == 0.5
    assert math.isnan(gap.avg_sg(curve, "previous"))


def test_one_task_leaves_undefined_what_needs_a_switch():
    curve = make([3], [[0.5, 0.1, 0.9]])
    values = every_metric(curve)
    assert {name for name, value in values.items() if not math.isnan(value)} == {"avg_acc", "lca_10", "wf_10", "wp_10"}
    assert values["avg_acc"] == 0.9
    for per_switch in (gap.sg(curve, "seen"), *gap.recovery(curve), gap.gap_area(curve)):
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
    np.testing.assert_array_equal(gap.recovery(curve), [[3, NAN], [1, NAN]])
    np.testing.assert_array_equal(gap.gap_area(curve), [gap.gap_area(HAND)[0], NAN])


@given(trajectories(), windows)
def test_windowed_metrics_are_what_pair_by_pair_gives(curve, window):
    np.testing.assert_allclose(gap.wf(curve, window), slow_wf(curve, window))
    np.testing.assert_allclose(gap.wp(curve, window), slow_wf(curve, window, sign=-1))


@given(trajectories(), windows)
def test_plasticity_is_forgetting_of_the_negated_curve(curve, window):
    negated = replace(curve, accuracy=-curve.accuracy)
    np.testing.assert_array_equal(gap.wp(curve, window), gap.wf(negated, window))
    np.testing.assert_array_equal(gap.wf(curve, window), gap.wp(negated, window))


@given(trajectories(), windows, windows)
def test_a_wider_window_never_forgets_less(curve, one, other):
    narrow, wide = gap.wf(curve, min(one, other)), gap.wf(curve, max(one, other))
    assert math.isnan(narrow) or wide >= narrow


@given(trajectories(minimum_tasks=2), st.floats(0.015625, 1, width=32))
def test_a_constant_curve_has_no_gap(curve, level):
    flat = replace(curve, accuracy=np.where(np.isnan(curve.accuracy), NAN, level))
    for reference in ("previous", "first", "seen"):
        assert not gap.sg(flat, reference).any()
        assert gap.avg_sg(flat, reference) == 0
    assert not gap.gap_area(flat).any()
    assert gap.forgetting(flat) == gap.bwt(flat) == 0
    iterations, recovered = gap.recovery(flat)
    assert not iterations.any()
    assert recovered.all()
    for value in (gap.avg_acc(flat), gap.min_acc(flat), gap.wc_acc(flat), gap.lca(flat)):
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
            assert gap.wf(alone, window) == 0
            assert gap.wp(replace(alone, accuracy=down.accuracy[:, [task - 1]]), window) == 0
    assert gap.forgetting(up) <= 0 <= gap.forgetting(down)
    assert not gap.gap_area(up).any()
    assert (gap.recovery(up)[0] == 0).all()


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
    iterations, recovered = gap.recovery(curve)
    np.testing.assert_array_equal(recovered == 1, ~np.isnan(iterations))


@given(trajectories(minimum_tasks=2, low=0.015625), st.sampled_from([0.5, 0.25]))
def test_the_relative_gap_does_not_depend_on_the_scale_of_the_accuracy(curve, factor):
    scaled = replace(curve, accuracy=factor * curve.accuracy)
    for reference in ("previous", "first", "seen"):
        np.testing.assert_allclose(gap.sg(scaled, reference), gap.sg(curve, reference), atol=1e-12)
    np.testing.assert_allclose(gap.gap_area(scaled), factor * gap.gap_area(curve), atol=1e-12)


@given(trajectories(minimum_tasks=2, low=0.015625))
def test_previous_first_and_seen_agree_at_the_first_switch(curve):
    assert gap.sg(curve, "previous")[0] == gap.sg(curve, "first")[0] == gap.sg(curve, "seen")[0]
