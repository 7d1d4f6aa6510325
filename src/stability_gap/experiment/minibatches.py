"""Choose the training images of every minibatch: from the union of the tasks seen, or otherwise (PROTOCOL §1, §11)."""

import numpy as np
from numpy.typing import NDArray

from stability_gap.errors import UserError
from stability_gap.experiment.randomness import generator
from stability_gap.experiment.settings import ExperimentSettings, JointSampling, ReplaySampling, StillSampling

Indices = NDArray[np.int64]


def minibatches(settings: ExperimentSettings, train_sizes: list[int], seed: int) -> Indices:
    """Image indices of every minibatch of the stream, as `sampling` says: int64 (K·iterations, batch_size).

    Args:
        train_sizes: training images per task; images of task 1 come first.

    Errors: UserError where there is one task only and the sampling differs from plain joint training after a switch alone.
    """
    sampling, shape = settings.sampling, (settings.iterations, settings.batch_size)
    if len(train_sizes) == 1 and sampling != JointSampling(kind="joint"):
        raise UserError(f"sampling: kind {sampling.kind} needs a switch, but the stream has one task only; leave sampling out.")
    match sampling:
        case JointSampling():
            return blurred(union(seed, train_sizes, *shape), seed, train_sizes, settings.iterations, sampling.blur)
        case StillSampling():
            return still(seed, train_sizes, *shape)
        case ReplaySampling():
            return replayed(seed, train_sizes, *shape, sampling.images)


def union(seed: int, train_sizes: list[int], iterations: int, batch_size: int) -> Indices:
    """Ideal joint training: in context k each index is drawn uniformly with replacement from the union of tasks 1..k."""
    order = generator(seed, "order")
    return np.concatenate([order.integers(seen, size=(iterations, batch_size)) for seen in np.cumsum(train_sizes)])


def still(seed: int, train_sizes: list[int], iterations: int, batch_size: int) -> Indices:
    """No switch: each index is drawn uniformly with replacement from the union of all tasks, in every context."""
    return generator(seed, "order").integers(sum(train_sizes), size=(len(train_sizes) * iterations, batch_size))


def blurred(batches: Indices, seed: int, train_sizes: list[int], iterations: int, width: int) -> Indices:
    """The minibatches of `union` with a blurred switch: the newest task's share rises linearly over `width` updates.

    In the i-th update after a switch, i = 1..width, an image of the newest task stays with probability i/(width + 1); else a
    uniform draw from the older tasks takes its place. So its share is i/(width + 1) of that in the union, and all of it later.
    """
    random, batches = generator(seed, "blur"), batches.copy()
    kept = np.arange(1, width + 1)[:, None] / (width + 1)
    for context, older in enumerate(np.cumsum(train_sizes)[:-1], start=1):
        part = batches[context * iterations : context * iterations + width]
        replaced = (part >= older) & (random.random(part.shape) >= kept)
        part[:] = np.where(replaced, random.integers(older, size=part.shape), part)
    return batches


def replayed(seed: int, train_sizes: list[int], iterations: int, batch_size: int, images: int) -> Indices:
    """Partial replay: from context 2 on half of a batch comes from the newest task alone, the rest from a reservoir.

    Both are drawn uniformly with replacement. Of an odd batch the newest task has the larger half, and it stands first.
    """
    order = generator(seed, "order")
    batches = [order.integers(train_sizes[0], size=(iterations, batch_size))]
    for older, newest in zip(np.cumsum(train_sizes), train_sizes[1:], strict=False):
        held = reservoir(seed, older, images)
        new = order.integers(older, older + newest, size=(iterations, batch_size - batch_size // 2))
        old = held[order.integers(len(held), size=(iterations, batch_size // 2))]
        batches.append(np.hstack([new, old]))
    return np.concatenate(batches)


def reservoir(seed: int, older: int, images: int) -> Indices:
    """A uniform choice of `images` of the first `older` images without replacement; all of them where there are fewer.

    These are the ones with the smallest of one random key per image, which is the same however many there are: so an image that
    newer ones evicted never returns.
    """
    return np.argsort(generator(seed, "reservoir").random(older))[:images]
