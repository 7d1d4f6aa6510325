"""The draws of a run and of a block: minibatches and crops."""

import pytest
import torch
from cells import augmented, cnn_cell, coloured_images

from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.sampling import draw_run, side_by_side


@pytest.mark.parametrize("test", [False, True])
def test_the_draws_of_a_block_hold_those_of_each_seed_in_its_order(test):
    settings = cnn_cell("sgd", iterations=3, **augmented(test=test))
    stream = DeviceStream(coloured_images(), settings, torch.device("cpu"))
    block = side_by_side([draw_run(settings, stream, seed) for seed in (7, 3)])
    for position, seed in enumerate((7, 3)):
        alone = draw_run(settings, stream, seed)
        for update in (0, 5):
            for own, shared in zip(alone.update(update), block.update(update), strict=True):
                assert torch.equal(shared[position], own)
        assert len(alone.update(0)) == 3
    own_images = [draw_run(settings, stream, seed).test_images(2) for seed in (7, 3)]
    shared_images = block.test_images(2)
    if test:
        assert torch.equal(shared_images, torch.stack(own_images))
    else:
        assert shared_images is None
        assert own_images == [None, None]


def test_draws_without_augmentation_are_indices_alone():
    settings = cnn_cell("sgd", iterations=3)
    stream = DeviceStream(coloured_images(), settings, torch.device("cpu"))
    draws = draw_run(settings, stream, 1)
    assert draws.crops is None
    assert [tuple(part.shape) for part in draws.update(0)] == [(8,)]
    assert side_by_side([draws, draws]).crops is None
