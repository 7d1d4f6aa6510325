"""Named random streams."""

import numpy as np
import pytest
import torch

from stability_gap.experiment.randomness import generator, torch_generator

# Changing any of these numbers changes every published result: raise the version and train again.
PINNED = {
    (42, "init"): ([175, 497, 110, 791, 954], 4591858963708191478),
    (42, "order"): ([865, 21, 501, 661, 589], 199385893557976046),
    (42, "evaluation"): ([961, 962, 302, 659, 296], 8876304087589522720),
}


@pytest.mark.parametrize(("seed", "name"), PINNED)
def test_streams_are_the_ones_that_published_results_came_from(seed, name):
    numbers, torch_seed = PINNED[seed, name]
    assert generator(seed, name).integers(1000, size=5).tolist() == numbers
    assert torch_generator(seed, name).initial_seed() == torch_seed


def test_initial_weights_are_the_ones_that_published_results_came_from():
    drawn = torch.randn(3, generator=torch_generator(42, "init")).tolist()
    assert drawn == pytest.approx([0.3929383, 0.1924343, 1.8599079], abs=1e-6)


def test_the_same_seed_and_name_give_the_same_stream_again():
    for seed, name in ((0, "init"), (2**31 - 1, "order")):
        np.testing.assert_array_equal(generator(seed, name).random(10), generator(seed, name).random(10))
        first, second = (torch.rand(10, generator=torch_generator(seed, name)) for _ in range(2))
        assert torch.equal(first, second)


def test_streams_of_other_seeds_and_names_are_unrelated():
    names = ("init", "order", "augmentation", "evaluation")
    drawn = np.array([generator(seed, name).random(2000) for seed in range(5) for name in names])
    correlations = np.corrcoef(drawn)[np.triu_indices(len(drawn), 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)  # five standard errors


def test_drawing_from_one_stream_leaves_the_others_alone():
    order = generator(1, "order")
    expected = generator(1, "order").random(5)
    generator(1, "init").random(100)
    torch_generator(1, "init")
    np.testing.assert_array_equal(order.random(5), expected)
