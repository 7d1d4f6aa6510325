"""Measure the placebo gap: the gap of a switch that is none. A slow loss, or the minimum of a noisy curve, is no stability gap.

The placebo switch of block k lies halfway: after ⌊I/2⌋ of its I updates. Its gap, and the real one that it is taken from,
are minima over the same numbers of updates after their (placebo) switch: those that were evaluated after both. Where accuracy was
watched less closely after the middle than after the switch that would leave out the fall itself, so both are undefined there.
Source of the file: ours.
"""

import numpy as np

from stability_gap.analysis.metrics.gap import REFERENCES, Reference, reference_tasks, relative_loss
from stability_gap.analysis.metrics.registry import metric
from stability_gap.analysis.trajectory import Floats, Trajectory, mean


@metric(label="placebo SG {}", unit="gap", per="switch", diverged=0.0, variants=REFERENCES)
def placebo_sg(curve: Trajectory, reference: Reference) -> Floats:
    """Compute the gap at the placebo switch of each block k = 2 … K, for the reference tasks of switch k; shape (K−1,).

    Its *before* is the last evaluation of the first half of the block. NaN where a half was not evaluated, or one of the first
    `WATCHED` updates was evaluated after the switch alone.
    """
    return _array([placebo for _, placebo in _pairs(curve, reference)])


@metric(label="net SG {}", unit="gap", per="switch", better="lower", diverged=1.0, variants=REFERENCES)
def net_sg(curve: Trajectory, reference: Reference) -> Floats:
    """Compute the gap over the first half of block k minus `placebo_sg`; shape (K−1,)."""
    return _array([_difference(pair) for pair in _pairs(curve, reference)])


@metric(label="avg placebo SG {}", unit="gap", per="stream", diverged=0.0, variants=REFERENCES)
def avg_placebo_sg(curve: Trajectory, reference: Reference) -> float:
    """Average `placebo_sg` over the blocks in which the reference had something to lose."""
    return mean([placebo for _, placebo in _pairs(curve, reference) if placebo is not None])


@metric(label="avg net SG {}", unit="gap", per="stream", better="lower", diverged=1.0, variants=REFERENCES)
def avg_net_sg(curve: Trajectory, reference: Reference) -> float:
    """Average `net_sg` over the switches at which the reference had something to lose, there and at the placebo switch."""
    return mean([net for net in map(_difference, _pairs(curve, reference)) if net is not None])


def _pairs(curve: Trajectory, reference: Reference) -> list[tuple[float | None, float | None]]:
    """Compute (gap, placebo gap) of every switch over the same offsets, each as from `relative_loss`; NaN: undefined."""
    pairs: list[tuple[float | None, float | None]] = []
    for k in range(2, curve.tasks + 1):
        block, tasks = curve.block(k), reference_tasks(k, reference)
        updates = curve.iterations[block]
        middle = curve.middle(k)
        offsets = curve.watched_twice(k)
        if not len(offsets):
            pairs.append((np.nan, np.nan))
            continue
        accuracy = curve.accuracy[block, tasks]
        real = accuracy[np.isin(updates - curve.before(k), offsets)].min(axis=0)
        placebo = accuracy[np.isin(updates - middle, offsets)].min(axis=0)
        gap = relative_loss(curve.accuracy[block.start - 1, tasks], real)
        pairs.append((gap, relative_loss(accuracy[updates <= middle][-1], placebo)))
    return pairs


def _difference(pair: tuple[float | None, float | None]) -> float | None:
    gap, placebo = pair
    return None if gap is None or placebo is None else gap - placebo


def _array(values: list[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values])
