"""Simulate the one-weight model of the paper: slow weights, explicit fast–slow weights, a gain (PROTOCOL §9).

One weight, input x = 1, loss ½·(target − y)². The output y is the effective weight: w, slow + fast, or g·w.

Which readings are one and the same: g·w = g0·w + (g−g0)·w always. Where no error drives the gain (`constant_gain`), g stays
constant, and then g0·w and (g−g0)·w move by lr·g0·g and lr·(g−g0)·g times the error, their sum by lr·g² times the error. So the
gain is explicit fast–slow weights of these two rates whose fast part does not decay, and it is a slow weight of the rate lr·g²:
the three agree, step by step. A gain that only relaxes, g(t+1) − g0 = γ·(g(t) − g0), makes a fast part that decays by γ: F(t+1)
= γ·F(t) + lr·(g(t+1) − g0)·g(t)·error(t), beside S(t+1) = S(t) + lr·g0·g(t)·error(t).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stability_gap.analysis.statistics import generator_for
from stability_gap.analysis.trajectory import Floats

COLUMNS = ["simulation", "model", "run", "step", "quantity", "value"]
RATE, G0 = 0.1, 1.0
FLIP_STEPS, FLIP = 300, slice(144, 154)
"""Simulation 1: the target is +1, but −1 at these steps."""
FAST_RATE, FAST_DECAY, FLIP_GAMMA, FLIP_DRIVE = 0.2, 0.9, 0.9, 0.7
STEP_STEPS, STEP = 100, 44
"""Simulation 2: the target is 0, and 1 from this step on."""
STEP_GAMMA, STEP_DRIVE, RUNS, GAIN_NOISE, WEIGHT_NOISE = 0.5, 1.0, 50, 0.05, 0.025
CONSTANT_GAIN = 1.5
"""Of the case in which the three readings agree."""


def slow_weight(targets: Floats, rate: float) -> Floats:
    """One plain weight, w ← w + rate·error, from 0. targets: (T,). Result: the weight before each step, (T,)."""
    slow, _ = fast_slow_weights(targets, rate, 0.0, 0.0)
    return slow


def fast_slow_weights(
    targets: Floats, slow_rate: float | Floats, fast_rate: float | Floats, decay: float
) -> tuple[Floats, Floats]:
    """Explicit fast–slow weights: S ← S + slow_rate·error, F ← decay·F + fast_rate·error, output S + F, from 0.

    Args:
        targets: (T,). Rates: numbers, or one per step, (T,). decay: of F.

    Returns: S and F before each step, (T,) each.
    """
    rates = np.broadcast_arrays(targets, slow_rate, fast_rate)[1:]
    slow = fast = 0.0
    path = np.empty((2, len(targets)))
    for step, target in enumerate(targets):
        path[:, step] = slow, fast
        error = target - (slow + fast)
        slow, fast = slow + rates[0][step] * error, decay * fast + rates[1][step] * error
    return path[0], path[1]


def gain_weight(
    targets: Floats,
    rate: float,
    gamma: float,
    drive: float,
    gain_noise: Floats | None = None,
    weight_noise: Floats | None = None,
    g0: float = G0,
) -> tuple[Floats, Floats]:
    """A weight under a gain: w ← w + rate·g·error, g ← γ·g + (1−γ)·g0 + drive·|w·error|, output g·w, from w = 0 and g = g0.

    Both move with the error and the values before the step. w·error is the gradient of the loss with respect to the gain.

    Args:
        targets: (T,). gain_noise, weight_noise: (runs, T), added to g and w at each step; left out: one run without noise.

    Returns: g and w before each step, (runs, T) each.
    """
    none = np.zeros((1, len(targets)))
    gain_noise, weight_noise = (none if given is None else given for given in (gain_noise, weight_noise))
    gains, weights = np.empty_like(gain_noise), np.empty_like(weight_noise)
    gain, weight = np.full(len(gains), g0), np.zeros(len(weights))
    for step, target in enumerate(targets):
        gains[:, step], weights[:, step] = gain, weight
        error = target - gain * weight
        moved = gamma * gain + (1 - gamma) * g0 + drive * np.abs(weight * error)
        weight = weight + rate * gain * error + weight_noise[:, step]
        gain = moved + gain_noise[:, step]
    return gains, weights


def flip_targets() -> Floats:
    """Targets of simulation 1: (300,)."""
    targets = np.ones(FLIP_STEPS)
    targets[FLIP] = -1
    return targets


def simulate(random_seed: int = 0) -> pd.DataFrame:
    """Simulate all: the rows of toy.csv (docs/data-contracts.md). `random_seed`: of the noise of simulation 2."""
    return pd.concat([*_flip(), *_step(random_seed), *_constant_gain()], ignore_index=True)[COLUMNS]


def _flip() -> Sequence[pd.DataFrame]:
    """Simulation 1: the target flips for ten steps and back; does the gain follow as explicit fast–slow weights do?"""
    targets = flip_targets()
    slow, fast = fast_slow_weights(targets, RATE, FAST_RATE, FAST_DECAY)
    gain, weight = gain_weight(targets, RATE, FLIP_GAMMA, FLIP_DRIVE)
    return [
        _rows("target_flip", "target", "weight", targets),
        _rows("target_flip", "slow", "weight", slow_weight(targets, RATE)),
        _rows("target_flip", "fast_slow", "weight", slow + fast),
        _rows("target_flip", "gain", "weight", gain * weight),
        _rows("target_flip", "gain", "gain", gain),
    ]


def _step(random_seed: int) -> Sequence[pd.DataFrame]:
    """Simulation 2: a new target, noisy; what of g·w is its slow part g0·w and its fast part (g−g0)·w?"""
    targets = (np.arange(STEP_STEPS) >= STEP).astype(float)
    random = generator_for(random_seed, "toy", "target_step")
    noise = random.standard_normal((2, RUNS, STEP_STEPS))
    gain, weight = gain_weight(targets, RATE, STEP_GAMMA, STEP_DRIVE, GAIN_NOISE * noise[0], WEIGHT_NOISE * noise[1])
    shown = {"gain": gain, "slow_part": G0 * weight, "fast_part": (gain - G0) * weight, "weight": gain * weight}
    return [_rows("target_step", "target", "weight", targets)] + [
        _rows("target_step", "gain", name, values) for name, values in shown.items()
    ]


def _constant_gain() -> Sequence[pd.DataFrame]:
    """The case in which the three readings agree: simulation 1 under a gain that no error drives."""
    targets, gain = flip_targets(), CONSTANT_GAIN
    slow, fast = fast_slow_weights(targets, RATE * G0 * gain, RATE * (gain - G0) * gain, 1.0)
    gains, weights = gain_weight(targets, RATE, FLIP_GAMMA, 0.0, g0=gain)
    return [
        _rows("constant_gain", "slow", "weight", slow_weight(targets, RATE * gain**2)),
        _rows("constant_gain", "fast_slow", "weight", slow + fast),
        _rows("constant_gain", "gain", "weight", gains * weights),
    ]


def _rows(simulation: str, model: str, quantity: str, values: Floats) -> pd.DataFrame:
    """Rows of runs: (T,) of one, (runs, T) of several. Runs and steps count from 0."""
    run, step = np.indices(np.atleast_2d(values).shape).reshape(2, -1)
    return pd.DataFrame(
        {"simulation": simulation, "model": model, "run": run, "step": step, "quantity": quantity, "value": np.ravel(values)}
    )
