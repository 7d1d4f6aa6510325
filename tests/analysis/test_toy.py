"""The one-weight model, against scalar loops of PROTOCOL §9 written out, and the identities of its docstring."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from stability_gap import files
from stability_gap.analysis import toy
from stability_gap.cli.group import commands

TARGETS = toy.flip_targets()


def values(table, simulation, model, quantity="weight"):
    rows = table[(table["simulation"] == simulation) & (table["model"] == model) & (table["quantity"] == quantity)]
    return rows.sort_values(["run", "step"])["value"].to_numpy()


def gain_by_hand(targets, rate, gamma, drive, g0=1.0):
    gain, weight, gains, weights = g0, 0.0, [], []
    for target in targets:
        gains.append(gain)
        weights.append(weight)
        error = target - gain * weight
        gain, weight = gamma * gain + (1 - gamma) * g0 + drive * abs(weight * error), weight + rate * gain * error
    return gains, weights


def test_target_flips_at_the_steps_of_the_protocol():
    assert len(TARGETS) == 300
    assert np.flatnonzero(TARGETS == -1).tolist() == list(range(144, 154))


def test_simulation_1_is_the_protocol_written_out():
    table = toy.simulate()
    slow = fast = plain = 0.0
    plains, sums = [], []
    for target in TARGETS:
        plains.append(plain)
        sums.append(slow + fast)
        plain += 0.1 * (target - plain)
        error = target - (slow + fast)
        slow, fast = slow + 0.1 * error, 0.9 * fast + 0.2 * error
    gains, weights = gain_by_hand(TARGETS, 0.1, 0.9, 0.7)
    np.testing.assert_allclose(values(table, "target_flip", "slow"), plains, rtol=0, atol=1e-12)
    np.testing.assert_allclose(values(table, "target_flip", "fast_slow"), sums, rtol=0, atol=1e-12)
    np.testing.assert_allclose(values(table, "target_flip", "gain", "gain"), gains, rtol=0, atol=1e-12)
    np.testing.assert_allclose(values(table, "target_flip", "gain"), np.multiply(gains, weights), rtol=0, atol=1e-12)


def test_simulation_2_has_the_parts_of_the_protocol():
    table = toy.simulate()
    gain, slow, fast, whole = (
        values(table, "target_step", "gain", name).reshape(50, 100) for name in ("gain", "slow_part", "fast_part", "weight")
    )
    np.testing.assert_allclose(slow + fast, whole, atol=1e-12)  # g0 = 1
    np.testing.assert_allclose(gain * slow, whole, atol=1e-12)
    targets = (np.arange(100) >= 44).astype(float)
    errors = targets - whole
    noise_of_gain = gain[:, 1:] - (0.5 * gain + 0.5 + np.abs(slow * errors))[:, :-1]
    noise_of_weight = slow[:, 1:] - (slow + 0.1 * gain * errors)[:, :-1]
    assert noise_of_gain.std() == pytest.approx(0.05, rel=0.05)
    assert noise_of_weight.std() == pytest.approx(0.025, rel=0.05)


def test_the_same_seed_gives_the_same_noise_and_another_another():
    one, again, other = toy.simulate(3), toy.simulate(3), toy.simulate(4)
    assert one.equals(again)
    assert not one.equals(other)


def test_the_three_readings_agree_where_no_error_drives_the_gain():
    table = toy.simulate()
    slow, pair, gain = (values(table, "constant_gain", model) for model in ("slow", "fast_slow", "gain"))
    np.testing.assert_allclose(pair, slow, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gain, slow, rtol=0, atol=1e-12)
    assert np.ptp(slow) > 1  # of something that moves


@given(st.integers(0, 2**16), st.floats(0, 0.95), st.floats(0.01, 0.3))
@settings(max_examples=10)
def test_a_relaxing_gain_is_a_fast_part_that_decays_by_gamma(seed, gamma, rate):
    random = np.random.default_rng(seed)
    targets, kick = random.normal(size=(1, 40)).ravel(), np.zeros((1, 40))
    kick[0, 0] = 1.0  # the gain starts to relax from 2 at step 1
    gains, weights = toy.gain_weight(targets, rate, gamma, 0.0, kick, np.zeros((1, 40)))
    gain = gains[0]
    later = np.append(gain[1:], gamma * gain[-1] + 1 - gamma)
    slow, fast = toy.fast_slow_weights(targets, rate * gain, rate * (later - 1) * gain, gamma)
    np.testing.assert_allclose(slow, weights[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(fast, (gain - 1) * weights[0], rtol=0, atol=1e-9)


def test_the_command_writes_the_table(tmp_path):
    arguments = ["toy", "--random-seed", "3", "-o", str(tmp_path / "toy.csv")]
    assert CliRunner().invoke(commands, arguments, catch_exceptions=False).exit_code == 0
    pd.testing.assert_frame_equal(files.read_csv(tmp_path / "toy.csv"), toy.simulate(3), check_exact=True)
