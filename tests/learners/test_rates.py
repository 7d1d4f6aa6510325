"""Learning rates of every update: constant, scheduled, read from another run."""

import numpy as np
import pytest

from stability_gap.learners.rates import learning_rates
from stability_gap.learners.settings import LinearRate, RunRate


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
