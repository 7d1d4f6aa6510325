import math

import numpy as np
import pytest
from hand_curves import HAND, NAN, make, trajectories
from hypothesis import given

from stability_gap.analysis.metrics import gap


def test_stability_gaps_by_hand():
    # switch 2: task 1 from .8 to .4; switch 3: task 1 from .8 to .2, task 2 from .5 to .2
    second, third_of_1, third_of_2 = 0.4 / 0.8, 0.6 / 0.8, 0.3 / 0.5
    assert gap.sg(HAND, "previous") == pytest.approx([second, third_of_2])
    assert gap.sg(HAND, "first") == pytest.approx([second, third_of_1])
    assert gap.sg(HAND, "seen") == pytest.approx([second, (third_of_1 + third_of_2) / 2])
    assert gap.avg_sg(HAND, "previous") == pytest.approx((0.5 + 0.6) / 2)
    assert gap.avg_sg(HAND, "first") == pytest.approx((0.5 + 0.75) / 2)
    assert gap.avg_sg(HAND, "seen") == pytest.approx((0.5 + 0.675) / 2)


def test_nothing_to_lose_is_undefined_and_left_out_of_the_average():
    curve = make([1, 1, 1], [[0.0, 0.5, 0.25], [0.0, 0.0], [0.7]])
    np.testing.assert_array_equal(gap.sg(curve, "first"), [NAN, 0.5])
    np.testing.assert_array_equal(gap.sg(curve, "previous"), [NAN, NAN])
    np.testing.assert_array_equal(gap.sg(curve, "seen"), [NAN, 0.5])
    assert gap.avg_sg(curve, "first") == 0.5
    assert math.isnan(gap.avg_sg(curve, "previous"))


@given(trajectories(minimum_tasks=2, low=0.015625))
def test_previous_first_and_seen_agree_at_the_first_switch(curve):
    assert gap.sg(curve, "previous")[0] == gap.sg(curve, "first")[0] == gap.sg(curve, "seen")[0]
