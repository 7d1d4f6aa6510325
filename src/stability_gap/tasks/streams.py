"""Build streams of tasks: what each task of a benchmark holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stability_gap.errors import UserError
from stability_gap.tasks.arrays import Images, Labels
from stability_gap.tasks.datasets import Dataset
from stability_gap.tasks.settings import (
    CumulativeClassesStream,
    HomogeneousStream,
    PermutedStream,
    RotatedStream,
    SplitStream,
    StreamSettings,
    SuperclassStream,
)
from stability_gap.tasks.transforms import permutations, permute, rotate


@dataclass(frozen=True, eq=False)
class Stream:
    """Hold the images of every task behind one another, task 1 first (docs/data-contracts.md).

    train_images, test_images: uint8 (n, H, W) or (n, H, W, 3), raw pixels. train_labels, test_labels: int64 (n,),
    0 … classes−1. train_sizes, test_sizes: int64 (K,), images per task, n in all. mean, std: float32 (1,) or (3,), in
    raw pixel units. A task holds only what it adds: the learner draws from the union of the tasks seen so far.
    """

    train_images: Images
    train_labels: Labels
    train_sizes: Labels
    test_images: Images
    test_labels: Labels
    test_sizes: Labels
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    classes: int

    @property
    def tasks(self) -> int:
        """Return the number of tasks, K."""
        return len(self.train_sizes)


class Part(NamedTuple):
    """Hold the training or test set of one task: images (n, …) and labels (n,)."""

    images: Images
    labels: Labels


Task = tuple[Part, Part]


def build(dataset: Dataset, settings: StreamSettings) -> Stream:
    """Build the stream that `settings` describe. Errors: UserError where the data set lacks what a task needs."""
    classes = dataset.classes
    match settings:
        case SplitStream():
            tasks = _split(dataset, settings)
        case RotatedStream():
            tasks = _rotated(dataset, settings)
        case PermutedStream():
            tasks = _permuted(dataset, settings)
        case HomogeneousStream():
            tasks = _homogeneous(dataset, settings)
        case SuperclassStream():
            tasks, classes = _superclass(dataset, settings)
        case CumulativeClassesStream():
            tasks, classes = _cumulative(dataset, settings), settings.classes
    if classes < 2:
        raise UserError("the stream has one class only; at least two are needed to learn to tell them apart.")
    train, test = zip(*tasks, strict=True)
    return Stream(*_join(train), *_join(test), dataset.mean, dataset.std, classes)


def _join(parts: Sequence[Part]) -> tuple[Images, Labels, Labels]:
    sizes = np.array([len(part.labels) for part in parts], np.int64)
    return np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]), sizes


def _split(dataset: Dataset, settings: SplitStream) -> list[Task]:
    step = settings.classes_per_task
    if dataset.classes % step:
        divisors = [str(number) for number in range(1, dataset.classes + 1) if dataset.classes % number == 0]
        raise UserError(
            f"classes_per_task: {step} does not divide the {dataset.classes} classes of the data set; "
            f"choose one of {', '.join(divisors)}."
        )
    groups = [range(first, first + step) for first in range(0, dataset.classes, step)]
    return [_select(dataset, task, group) for task, group in enumerate(groups, start=1)]


def _rotated(dataset: Dataset, settings: RotatedStream) -> list[Task]:
    train, test = _whole(dataset)
    return [
        (
            Part(rotate(train.images, angle, settings.interpolation), train.labels),
            Part(rotate(test.images, angle, settings.interpolation), test.labels),
        )
        for angle in settings.angles
    ]


def _permuted(dataset: Dataset, settings: PermutedStream) -> list[Task]:
    train, test = _whole(dataset)
    height, width = train.images.shape[1:3]
    return [(train, test)] + [
        (Part(permute(train.images, order), train.labels), Part(permute(test.images, order), test.labels))
        for order in permutations(height * width, settings.permutations, settings.permutation_seed)
    ]


def _homogeneous(dataset: Dataset, settings: HomogeneousStream) -> list[Task]:
    (train, trained), (test, tested) = ((part, _parts(part.labels, settings)) for part in _whole(dataset))
    return [
        (Part(train.images[ours], train.labels[ours]), Part(test.images[theirs], test.labels[theirs]))
        for ours, theirs in zip(trained, tested, strict=True)
    ]


def _parts(labels: Labels, settings: HomogeneousStream) -> list[NDArray[np.int64]]:
    """Split the positions of `labels` at random into as many parts as there are tasks, stratified, each in order."""
    from sklearn.model_selection import StratifiedKFold  # slow to import, needed for this kind only

    members, counts = np.unique(labels, return_counts=True)
    if counts.min() < settings.tasks:
        raise UserError(
            f"tasks: {settings.tasks} is more than the {counts.min()} images that class {members[counts.argmin()]} has in the "
            f"training or test set; choose at most that many."
        )
    folds = StratifiedKFold(settings.tasks, shuffle=True, random_state=settings.split_seed)
    return [part for _, part in folds.split(labels, labels)]


def _superclass(dataset: Dataset, settings: SuperclassStream) -> tuple[list[Task], int]:
    train_coarse, test_coarse = _coarse_labels(dataset, settings.kind)
    members = {coarse: np.unique(dataset.train_labels[train_coarse == coarse]) for coarse in np.unique(train_coarse)}
    for coarse, fine in members.items():
        if len(fine) < settings.tasks:
            raise UserError(
                f"task {len(fine) + 1} needs one more class of superclass {coarse}, which has {len(fine)}; "
                f"set tasks to {len(fine)}."
            )
    tasks = [
        _select(dataset, task + 1, [fine[task] for fine in members.values()], (train_coarse, test_coarse))
        for task in range(settings.tasks)
    ]
    return tasks, int(train_coarse.max()) + 1


def _cumulative(dataset: Dataset, settings: CumulativeClassesStream) -> list[Task]:
    train_coarse, _ = _coarse_labels(dataset, settings.kind)
    tasks = []
    for task, superclass in enumerate(settings.superclasses, start=1):
        fine = np.unique(dataset.train_labels[train_coarse == _coarse_label(dataset, superclass)])
        if not fine.size:
            raise UserError(f"task {task} needs superclass {superclass}, of which the data set has no training images.")
        if fine[-1] >= settings.classes:
            raise UserError(f"classes: {settings.classes} is too small, {superclass} has class {fine[-1]}.")
        tasks.append(_select(dataset, task, fine))
    return tasks


def _whole(dataset: Dataset) -> Task:
    return Part(dataset.train_images, dataset.train_labels), Part(dataset.test_images, dataset.test_labels)


def _select(dataset: Dataset, task: int, classes: Iterable[int], labels: tuple[Labels, Labels] | None = None) -> Task:
    """Select the images of `classes`, in the order of the data set, labelled by class or by `labels` (of all images)."""
    wanted = list(classes)
    train, test = _whole(dataset)
    for name, part in (("training", train), ("test", test)):
        absent = np.setdiff1d(wanted, part.labels)
        if absent.size:
            raise UserError(f"task {task} needs class {absent[0]}, of which the data set has no {name} images.")
    in_train, in_test = np.isin(train.labels, wanted), np.isin(test.labels, wanted)
    train_labels, test_labels = labels or (train.labels, test.labels)
    return Part(train.images[in_train], train_labels[in_train]), Part(test.images[in_test], test_labels[in_test])


def _coarse_labels(dataset: Dataset, kind: str) -> tuple[Labels, Labels]:
    if dataset.train_coarse_labels is None or dataset.test_coarse_labels is None:
        raise UserError(f"kind: a {kind} stream needs a data set with superclasses (CIFAR100, or npz with coarse labels).")
    return dataset.train_coarse_labels, dataset.test_coarse_labels


def _coarse_label(dataset: Dataset, superclass: str | int) -> int:
    if isinstance(superclass, int):
        return superclass
    names = dataset.coarse_names or ()
    if superclass not in names:
        known = f"known are {', '.join(names)}" if names else "it names none, so give coarse labels (integers)"
        raise UserError(f"superclasses: the data set has no superclass '{superclass}'; {known}.")
    return names.index(superclass)
