"""Minibatches drawn from the union of the tasks seen so far, and the draws of a block."""

import numpy as np
import pytest
import scipy.stats
import torch
from cells import augmented, cnn_cell, coloured_images

from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.sampling import draw_run, side_by_side, union


def test_minibatches_are_the_ones_that_published_results_came_from():
    expected = [[8, 0, 5, 6], [5, 5, 0, 6], [27, 6, 20, 20], [5, 12, 15, 12]]
    assert union(42, [10, 20], iterations=2, batch_size=4).tolist() == expected


def test_minibatches_have_one_row_per_update():
    drawn = union(0, [10, 20, 30], iterations=7, batch_size=5)
    assert (drawn.shape, drawn.dtype) == ((21, 5), np.int64)


def test_minibatches_are_uniform_over_the_union_of_the_tasks_seen_so_far():
    sizes, iterations = [30, 50, 20], 400
    drawn = union(0, sizes, iterations, batch_size=64)
    for context, images in enumerate(np.cumsum(sizes)):
        counts = np.bincount(drawn[context * iterations : (context + 1) * iterations].ravel(), minlength=images)
        assert len(counts) == images  # nothing of a later task
        assert counts.min() > 0  # every image of every task so far
        assert scipy.stats.chisquare(counts).pvalue > 0.001


def test_minibatches_are_drawn_with_replacement():
    drawn = union(0, [1000], iterations=2000, batch_size=32)
    repeated = np.mean([len(set(batch)) < 32 for batch in drawn.tolist()])
    expected = 1 - np.prod(1 - np.arange(32) / 1000)  # the birthday problem
    assert repeated == pytest.approx(expected, abs=0.05)


def test_minibatches_are_of_the_seed():
    one, other = (union(seed, [100], iterations=50, batch_size=8) for seed in (0, 1))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, union(0, [100], iterations=50, batch_size=8))


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
