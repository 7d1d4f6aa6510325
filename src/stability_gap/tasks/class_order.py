"""Bring the classes of a stream into another order: a task keeps its number of classes, not its classes (PROTOCOL §11)."""

from dataclasses import replace

import numpy as np

from stability_gap.errors import UserError
from stability_gap.tasks.arrays import Images, Labels
from stability_gap.tasks.streams import Stream


def shuffle_classes(stream: Stream, random: np.random.Generator) -> Stream:
    """Deal the classes of a stream out to its tasks anew, in random order.

    Errors: UserError where the tasks share classes, or train and test different ones.
    """
    groups = _groups(stream)
    order = random.permutation(np.concatenate(groups))
    return regroup(stream, np.split(order, np.cumsum([len(group) for group in groups])[:-1]))


def regroup(stream: Stream, groups: list[Labels]) -> Stream:
    """Give task t the training and test images of the t-th group of classes, in the order in which they lie; labels stay."""
    train_images, train_labels, train_sizes = _dealt(stream.train_images, stream.train_labels, groups)
    test_images, test_labels, test_sizes = _dealt(stream.test_images, stream.test_labels, groups)
    return replace(
        stream,
        train_images=train_images,
        train_labels=train_labels,
        train_sizes=train_sizes,
        test_images=test_images,
        test_labels=test_labels,
        test_sizes=test_sizes,
    )


def _groups(stream: Stream) -> list[Labels]:
    """The classes of each task."""
    trained, tested = (
        [np.unique(part) for part in np.split(labels, np.cumsum(sizes)[:-1])]
        for labels, sizes in ((stream.train_labels, stream.train_sizes), (stream.test_labels, stream.test_sizes))
    )
    matched = all(np.array_equal(train, test) for train, test in zip(trained, tested, strict=True))
    if not matched or len(np.unique(np.concatenate(trained))) != sum(map(len, trained)):
        raise UserError("class_order: by_seed needs tasks that share no class, as of a split stream; write natural.")
    return trained


def _dealt(images: Images, labels: Labels, groups: list[Labels]) -> tuple[Images, Labels, Labels]:
    chosen = [np.flatnonzero(np.isin(labels, group)) for group in groups]
    order = np.concatenate(chosen)
    return images[order], labels[order], np.array([len(each) for each in chosen], np.int64)
