"""Count the work of a run: multiply-adds of its training and of its evaluations."""

from typing import NamedTuple

from stability_gap.experiment.settings import ExperimentSettings
from stability_gap.experiment.timeline import timeline
from stability_gap.learners.settings import MLPSettings, ModelSettings
from stability_gap.tasks.settings import (
    CumulativeClassesStream,
    DatasetSettings,
    DigitsSettings,
    HomogeneousStream,
    ImageFolderSettings,
    PermutedStream,
    RotatedStream,
    SplitStream,
    StreamSettings,
    SuperclassStream,
    TorchvisionSettings,
)

PASSES = 3  # of an update: forward, gradient of the activations, gradient of the weights
SCREENED = 0.5  # bfloat16 takes half the time of float32 (docs/performance.md)
RESNET = 134  # multiply-adds of an image per pixel and squared number of filters (docs/performance.md: 28.0 GFLOP for 256 images)


class Images(NamedTuple):
    """Hold what counts of a data set: classes, test images, values of an image, pixels of an image."""

    classes: int
    test: int
    values: int
    pixels: int


class Tasks(NamedTuple):
    """Hold what counts of a stream: tasks, test images of each."""

    number: int
    test: float


def images_of(dataset: DatasetSettings) -> Images:
    """Tell the size of a data set before it is there; of somebody's npz file, that of MNIST is assumed."""
    match dataset:
        case DigitsSettings():
            train, images = round(1797 * (1 - dataset.test_fraction)), Images(10, round(1797 * dataset.test_fraction), 64, 64)
        case TorchvisionSettings(name="MNIST"):
            train, images = 60_000, Images(10, 10_000, 784, 784)
        case TorchvisionSettings():
            train, images = 50_000, Images(100 if dataset.name == "CIFAR100" else 10, 10_000, 3072, 1024)
        case ImageFolderSettings():
            classes, pixels = dataset.classes or 100, dataset.size[0] * dataset.size[1]
            train, images = (
                classes * dataset.train_per_class,
                Images(classes, classes * dataset.test_per_class, 3 * pixels, pixels),
            )
        case _:
            train, images = 60_000, Images(dataset.classes, 10_000, 784, 784)
    return images if dataset.holdout is None else images._replace(test=round(train * dataset.holdout.fraction))


def tasks_of(stream: StreamSettings, images: Images) -> Tasks:
    """Tell the size of a stream; where superclasses make the tasks, twenty of equal size are assumed, as in CIFAR-100."""
    match stream:
        case SplitStream():
            number = max(images.classes // stream.classes_per_task, 1)
            return Tasks(number, images.test / number)
        case RotatedStream():
            return Tasks(len(stream.angles), images.test)
        case PermutedStream():
            return Tasks(stream.permutations + 1, images.test)
        case HomogeneousStream():
            return Tasks(stream.tasks, images.test / stream.tasks)
        case SuperclassStream():
            return Tasks(stream.tasks, images.test / max(images.classes / 20, 1))
        case CumulativeClassesStream():
            return Tasks(len(stream.superclasses), images.test / 20)


def work_of(experiment: ExperimentSettings, tasks: Tasks, images: Images) -> float:
    """Count the multiply-adds of one run (one seed), in 10⁹."""
    evaluation = experiment.evaluation
    tested = min(tasks.test, evaluation.images_per_task or tasks.test)
    seen = (tasks.number + 1) / 2 if evaluation.tasks == "seen" else 1  # tasks of an evaluation, mean over contexts
    cost = SCREENED if evaluation.arithmetic == "bf16_screened" else 1
    trained = experiment.iterations * experiment.batch_size * PASSES
    evaluated = len(timeline(experiment, 1).evaluated) * seen * tested * cost
    return tasks.number * (trained + evaluated) * _of_image(experiment.model, images) / 1e9


def _of_image(model: ModelSettings, images: Images) -> float:
    """Multiply-adds of one image's way through the model."""
    if isinstance(model, MLPSettings):
        return model.hidden * (images.values + model.hidden + images.classes)
    return RESNET * images.pixels * model.filters**2
