"""Minibatches of every sampling, against the shares that they must have and slow references."""

import numpy as np
import pytest
import scipy.stats
from cells import small_cell
from hypothesis import given
from hypothesis import strategies as st

from stability_gap.errors import UserError
from stability_gap.experiment.minibatches import blurred, minibatches, replayed, reservoir, still, union
from stability_gap.experiment.settings import JointSampling, ReplaySampling, StillSampling

JOINT, STILL, REPLAY = JointSampling(kind="joint"), StillSampling(kind="still"), ReplaySampling(kind="replay", images=7)
SIZES = st.lists(st.integers(1, 30), min_size=2, max_size=5)


# --- the union of the tasks seen so far -------------------------------------------------------------------------------


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


def test_the_default_draws_from_the_union():
    drawn = minibatches(small_cell("sgd", iterations=6), [10, 20], 42)
    np.testing.assert_array_equal(drawn, union(42, [10, 20], iterations=6, batch_size=16))


# --- a blurred switch -------------------------------------------------------------------------------------------------


@given(st.integers(0, 99), SIZES)
def test_a_blurred_switch_of_width_0_is_the_plain_stream(seed, sizes):
    plain = union(seed, sizes, 5, 3)
    assert blurred(plain, seed, sizes, 5, width=0).tobytes() == plain.tobytes()


def test_the_share_of_the_newest_task_rises_linearly_to_that_in_the_union():
    sizes, batch, iterations, width = [300, 100, 400], 40_000, 5, 3
    drawn = blurred(union(0, sizes, iterations, batch), 0, sizes, iterations, width)
    for context, older in ((1, 300), (2, 400)):
        share = sizes[context] / (older + sizes[context])
        found = [(drawn[context * iterations + update] >= older).mean() for update in range(iterations)]
        expected = [share * weight for weight in (1 / 4, 2 / 4, 3 / 4, 1, 1)]
        np.testing.assert_allclose(found, expected, atol=0.01)  # four standard errors
        counts = np.bincount(drawn[context * iterations], minlength=older + sizes[context])
        for part in (counts[:older], counts[older:]):
            assert scipy.stats.chisquare(part).pvalue > 0.001  # uniform within the old tasks, and within the new


@given(st.integers(0, 99), SIZES, st.integers(1, 5))
def test_a_blurred_switch_only_takes_images_of_the_newest_task_away(seed, sizes, width):
    plain = union(seed, sizes, 5, 8)
    drawn = blurred(plain, seed, sizes, 5, width)
    for update, (before, after) in enumerate(zip(plain, drawn, strict=True)):
        context, within = divmod(update, 5)
        older = sum(sizes[:context])
        moved = before != after
        assert (before[moved] >= older).all()
        assert (after[moved] < older).all()
        assert not moved.any() or (context > 0 and within < width)


def test_a_wider_blur_does_not_move_the_draws_of_the_order():
    drawn = [blurred(union(3, [20, 20], 40, 16), 3, [20, 20], 40, width) for width in (5, 10)]
    np.testing.assert_array_equal(drawn[0][50:], drawn[1][50:])


# --- no switch --------------------------------------------------------------------------------------------------------


def test_without_a_switch_every_update_draws_from_all_tasks():
    drawn = still(0, [30, 50, 20], 200, 64)
    assert (drawn.shape, drawn.dtype) == ((600, 64), np.int64)
    for context in range(3):
        counts = np.bincount(drawn[context * 200 : (context + 1) * 200].ravel(), minlength=100)
        assert len(counts) == 100
        assert scipy.stats.chisquare(counts).pvalue > 0.001


# --- replay from a reservoir ------------------------------------------------------------------------------------------


@given(st.integers(0, 99), SIZES, st.integers(1, 12), st.integers(2, 7))
def test_half_of_a_batch_is_new_and_half_from_the_reservoir(seed, sizes, images, batch):
    drawn, edges = replayed(seed, sizes, 20, batch, images), np.cumsum(sizes)
    np.testing.assert_array_equal(drawn[:20], union(seed, sizes, 20, batch)[:20])
    for context, part in enumerate(np.split(drawn, len(sizes))[1:], start=1):
        new, old = part[:, : batch - batch // 2], part[:, batch - batch // 2 :]
        assert set(new.ravel()) <= set(range(edges[context - 1], edges[context]))
        assert set(old.ravel()) <= set(reservoir(seed, edges[context - 1], images))


def test_halves_are_drawn_uniformly():
    drawn = replayed(0, [30, 20], 400, 64, 12)[400:]
    for half in (drawn[:, :32], drawn[:, 32:]):
        counts = np.unique(half, return_counts=True)[1]
        assert scipy.stats.chisquare(counts).pvalue > 0.001
    assert set(drawn[:, :32].ravel()) == set(range(30, 50))
    assert set(drawn[:, 32:].ravel()) == set(reservoir(0, 30, 12))


@pytest.mark.parametrize(("older", "images"), [(6, 3), (10, 3), (15, 14)])
def test_the_reservoir_holds_each_old_image_with_equal_probability(older, images):
    seeds, share = 4000, images / older
    counts = np.zeros(older)
    for seed in range(seeds):
        held = reservoir(seed, older, images)
        assert len(set(held.tolist())) == images  # so each once; an image that is not there yet would be out of bounds
        counts[held] += 1
    np.testing.assert_allclose(counts / seeds, share, atol=4 * np.sqrt(share * (1 - share) / seeds))


@given(st.integers(0, 99), SIZES, st.integers(1, 12))
def test_an_image_that_was_evicted_from_the_reservoir_never_returns(seed, sizes, images):
    evicted: set[int] = set()
    for older in np.cumsum(sizes):
        held = set(reservoir(seed, older, images).tolist())
        assert len(held) == min(older, images)
        assert not held & evicted
        evicted = set(range(older)) - held


def test_of_an_odd_batch_the_newest_task_has_the_larger_half():
    drawn = replayed(0, [10, 10], 50, 5, 4)[50:]
    assert ((drawn >= 10).sum(axis=1) == 3).all()


# --- all kinds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampling", [JointSampling(kind="joint", blur=2), STILL, REPLAY])
def test_each_kind_has_one_row_per_update_and_its_own_draws_of_a_seed(sampling):
    settings = small_cell("sgd", sampling=sampling)
    drawn = minibatches(settings, [10, 20, 30], 1)
    assert (drawn.shape, drawn.dtype) == ((18, 16), np.int64)
    np.testing.assert_array_equal(drawn, minibatches(settings, [10, 20, 30], 1))
    assert not np.array_equal(drawn, minibatches(settings, [10, 20, 30], 2))
    assert not np.array_equal(drawn, minibatches(small_cell("sgd"), [10, 20, 30], 1))


@pytest.mark.parametrize("sampling", [JointSampling(kind="joint", blur=2), STILL, REPLAY])
def test_a_stream_of_one_task_has_no_switch_to_change(sampling):
    with pytest.raises(
        UserError, match=f"^sampling: kind {sampling.kind} needs a switch, but the stream has one task only; leave"
    ):
        minibatches(small_cell("sgd", sampling=sampling), [10], 1)


def test_a_stream_of_twenty_tasks_is_drawn_by_every_kind():
    for sampling in (JOINT, STILL, REPLAY):
        drawn = minibatches(small_cell("sgd", sampling=sampling), [5] * 20, 1)
        assert drawn.shape == (120, 16)
        assert set(drawn[-6:].ravel() // 5) > {19}
