"""Curves that tests of the metrics share."""

import math

import numpy as np
from hypothesis import strategies as st

from stability_gap.analysis.trajectory import Trajectory

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
    curve = make(blocks, curves)
    return Trajectory(np.cumsum(steps), curve.contexts, curve.accuracy)


windows = st.integers(1, 40)
