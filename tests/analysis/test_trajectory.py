import numpy as np
from hand_curves import NAN

from stability_gap.analysis.trajectory import Trajectory


def test_trajectory_takes_rows_in_any_order():
    rows = [(1, 1, 1, 0.5), (2, 1, 1, 0.6), (4, 2, 1, 0.3), (4, 2, 2, 0.1), (6, 2, 1, 0.4), (6, 2, 2, 0.2)]
    for order in (rows, rows[::-1]):
        curve = Trajectory.of_rows(*(np.array(column) for column in zip(*order, strict=True)))
        assert curve.iterations.tolist() == [1, 2, 4, 6]
        assert curve.contexts.tolist() == [1, 1, 2, 2]
        np.testing.assert_array_equal(curve.accuracy, [[0.5, NAN], [0.6, NAN], [0.3, 0.1], [0.4, 0.2]])
        assert curve.block(2) == slice(2, 4)
        assert curve.end(1) == 1
