import math

import pytest
from hand_curves import HAND, make

from stability_gap.analysis.metrics import accuracy


def test_accuracies_by_hand():
    assert accuracy.avg_acc(HAND) == pytest.approx((0.76 + 0.6 + 0.7) / 3)
    # lowest of task 1 after iteration 4: .2 at 9; of task 2 after iteration 8: .2 at 10
    assert accuracy.min_acc(HAND) == pytest.approx((0.2 + 0.2) / 2)
    assert accuracy.wc_acc(HAND) == pytest.approx(0.7 / 3 + (1 - 1 / 3) * 0.2)


def test_min_acc_leaves_out_the_end_of_the_tasks_own_block_and_the_current_task():
    curve = make([2, 2], [[0.9, 0.0, 0.7, 0.6], [0.0, 0.8]])
    assert accuracy.min_acc(curve) == 0.6


def test_lca_is_over_updates_not_evaluations():
    curve = make([3, 3], [[0.1, 0.3, 0.9, 0.5, 0.5, 0.5], [0.2, 0.4, 0.8]], every=5)
    assert accuracy.lca(curve) == pytest.approx(((0.1 + 0.3) / 2 + (0.2 + 0.4) / 2) / 2)  # updates 5 and 10 of each block


def test_lca_without_an_evaluation_in_the_first_updates_is_undefined():
    assert math.isnan(accuracy.lca(make([2, 2], [[0.5] * 4, [0.5] * 2], every=50)))
