"""Learning rates of every update: constant, scheduled, read from another run."""

import numpy as np
import pytest
import torch

from stability_gap.learners.rates import EntropyTrace, learning_rates
from stability_gap.learners.settings import EntropyRate, LinearRate, RewarmRate, RunRate


def test_a_number_is_the_rate_of_every_update_and_layer():
    assert learning_rates(0.01, 4).tolist() == [[0.01, 0.01]] * 4


def test_a_linear_rate_goes_from_start_to_end():
    rates = learning_rates(LinearRate(kind="linear", start=0.4, end=0.1), 4)
    np.testing.assert_allclose(rates, np.repeat([[0.4], [0.3], [0.2], [0.1]], 2, axis=1))


@pytest.mark.parametrize("power", [0, 1, 2])
def test_a_rate_of_another_run_has_the_gain_in_the_layers_that_it_modulates_only(power):
    rate, gain = np.array([0.1, 0.2]), np.array([1.0, 3.0])
    rates = learning_rates(RunRate(kind="run", optimizer="x", gain_power=power), 2, (rate, gain))
    np.testing.assert_allclose(rates[:, 0], [0.1 * 1.0**power, 0.2 * 3.0**power])
    np.testing.assert_allclose(rates[:, 1], rate)


def test_a_rewarmed_rate_starts_every_context_but_the_first_low():
    rewarm = RewarmRate(kind="rewarm", base=1.0, fraction=0.2, updates=2)
    rates = learning_rates(rewarm, 9, switches=[3, 6])
    np.testing.assert_allclose(rates[:, 0], [1, 1, 1, 0.2, 0.6, 1, 0.2, 0.6, 1])
    np.testing.assert_array_equal(rates[:, 0], rates[:, 1])


def test_a_switch_before_the_rate_is_back_lowers_it_again():
    rates = learning_rates(RewarmRate(kind="rewarm", base=1.0, fraction=0.0, updates=4), 6, switches=[1, 3])
    np.testing.assert_allclose(rates[:, 0], [1, 0, 0.25, 0, 0.25, 0.5])


def test_an_entropy_rate_has_its_base_for_the_layers_without_a_trace():
    assert learning_rates(EntropyRate(kind="entropy", base=0.3), 2).tolist() == [[0.3, 0.3]] * 2
    trace = EntropyTrace(EntropyRate(kind="entropy", base=0.3, gain_power=2, eta=0.5), entropy := torch.tensor(0.0))
    base = torch.tensor([0.3, 0.3], dtype=torch.float64)
    assert trace.rates(base).tolist() == pytest.approx([0.3, 0.3])
    entropy.fill_(2.0)
    assert trace.rates(base).tolist() == pytest.approx([0.3 * 2.0**2, 0.3])
    assert base.tolist() == [0.3, 0.3]
