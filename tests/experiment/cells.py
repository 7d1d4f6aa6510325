"""Small cells and streams that several tests train."""

from pathlib import Path

import numpy as np
import torch

from stability_gap import config
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.recording import Record
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import AugmentationSettings, CellSettings, EvaluationSettings
from stability_gap.learners.settings import SlimResNet18Settings
from stability_gap.tasks.streams import Stream

CONFIG = config.load(Path(__file__).parents[2] / "config.yaml")
OPTIMIZERS = ["sgd", "msgd", "adam", "ngm_sgd"]
CNN_OPTIMIZERS = [*OPTIMIZERS, "ngm_all_layers"]  # an MLP has the gain in all layers anyway
SEED = 42


def cell(optimizer: str, benchmark: str = "split_digits", **changes: object) -> CellSettings:
    return CONFIG.cell(benchmark, optimizer).model_copy(update=changes)


def small_cell(optimizer: str, **changes: object) -> CellSettings:
    """An MLP with 16 hidden units on the digits, six updates of each of five contexts."""
    return cell(optimizer, "split_digits_smoke", **{"iterations": 6} | changes)


def cnn_cell(optimizer: str, **changes: object) -> CellSettings:
    """A slim ResNet-18 with 4 filters on `coloured_images()`, six updates of each of two contexts, without augmentation."""
    tiny = {
        "iterations": 6,
        "batch_size": 8,
        "model": SlimResNet18Settings(kind="slim_resnet18", filters=4),
        "augmentation": None,
        "evaluation": EvaluationSettings(every=3),
    }
    return cell(optimizer, "split_cifar10", **tiny | changes)


def with_learning_rate(settings: CellSettings, learning_rate: float) -> CellSettings:
    optimizer_settings = settings.optimizer_settings.model_copy(update={"learning_rate": learning_rate})
    return settings.model_copy(update={"optimizer_settings": optimizer_settings})


def rates_of(settings: CellSettings, stream: DeviceStream) -> torch.Tensor:
    """Learning rates of a cell that follows no other run, (T, 2)."""
    return SeedTrainer(settings, stream).rates(SEED)


def train(settings: CellSettings, stream: DeviceStream, seed: int) -> Record:
    """One seed by the plain loop."""
    return SeedTrainer(settings, stream).one(seed)


def train_together(settings: CellSettings, stream: DeviceStream, seeds: list[int]) -> dict[int, Record]:
    """Several seeds as one batched model."""
    return SeedTrainer(settings, stream).block(seeds)


def augmented(test: bool = False) -> dict[str, object]:
    """Changes of a cell: crops and flips of training images, and of test images where `test`."""
    return {"augmentation": AugmentationSettings(padding=4, flip=True), "augment_test": test}


def coloured_images(height: int = 26, width: int = 25, train: int = 30, test: int = 12, seed: int = 0) -> Stream:
    """Two tasks of two classes: noise, and a bright quarter of the image whose place is the class."""
    random = np.random.default_rng(seed)

    def images(labels: np.ndarray) -> np.ndarray:
        noise = random.integers(0, 128, (len(labels), height, width, 3), dtype=np.uint8)
        for image, label in zip(noise, labels, strict=True):
            row, column = divmod(int(label), 2)
            image[row * height // 2 :, column * width // 2 :][: height // 2, : width // 2] += np.uint8(100)
        return noise

    def labels(count: int) -> np.ndarray:
        return np.concatenate([random.integers(0, 2, count), random.integers(2, 4, count)])

    train_labels, test_labels = labels(train), labels(test)
    return Stream(
        train_images=images(train_labels),
        train_labels=train_labels,
        train_sizes=np.array([train, train]),
        test_images=images(test_labels),
        test_labels=test_labels,
        test_sizes=np.array([test, test]),
        mean=np.array([80.0, 90.0, 100.0], np.float32),
        std=np.array([60.0, 50.0, 40.0], np.float32),
        classes=4,
    )


def assert_same_run(one: Record, other: Record) -> None:
    """Byte for byte."""
    assert one.accuracy.tobytes() == other.accuracy.tobytes()
    assert one.loss.tobytes() == other.loss.tobytes()
    assert one.diverged_at == other.diverged_at
    assert one.training.keys() == other.training.keys()
    for name, column in one.training.items():
        assert column.tobytes() == other.training[name].tobytes(), name


def assert_close_runs(one: Record, other: Record, tolerance: float) -> None:
    """The same columns with the same values, up to rounding."""
    assert one.timeline.evaluated.tolist() == other.timeline.evaluated.tolist()
    assert one.diverged_at == other.diverged_at
    assert list(one.training) == list(other.training)
    for name, column in one.training.items():
        np.testing.assert_allclose(column, other.training[name], rtol=tolerance, atol=tolerance, err_msg=name)
    np.testing.assert_allclose(one.accuracy, other.accuracy, rtol=0, atol=tolerance)
    np.testing.assert_allclose(one.loss, other.loss, rtol=tolerance, atol=tolerance)
