"""The work of a run, counted by hand."""

import pytest

from stability_gap import config as configuration
from stability_gap.experiment.settings import EvaluationSettings
from stability_gap.tasks.settings import Holdout, HomogeneousStream
from stability_gap.terminal.work import Images, Tasks, images_of, tasks_of, work_of

CONFIG = configuration.resolve(configuration.read("config.yaml"))


def size(benchmark: str) -> tuple[Tasks, Images]:
    block = CONFIG.benchmarks[benchmark]
    images = images_of(CONFIG.datasets[block.dataset])
    return tasks_of(block.stream, images), images


@pytest.mark.parametrize(
    ("benchmark", "tasks", "test"),
    [
        ("split_digits", 5, 449 / 5),
        ("rotated_mnist", 3, 10_000),
        ("permuted_mnist", 3, 10_000),
        ("split_cifar10", 5, 2000),
        ("domain_cifar100", 3, 2000),
        ("domain_cifar100_v1", 3, 500),
        ("split_mini_imagenet", 5, 1000),
    ],
)
def test_sizes_of_streams(benchmark: str, tasks: int, test: float) -> None:
    assert size(benchmark)[0] == Tasks(tasks, test)


@pytest.mark.parametrize(("dataset", "test"), [("digits", 135), ("mnist", 6000), ("cifar10", 5000), ("mini_imagenet", 2500)])
def test_a_holdout_is_a_part_of_the_training_images(dataset: str, test: int) -> None:
    held = CONFIG.datasets[dataset].model_copy(update={"holdout": Holdout(fraction=0.1)})
    assert images_of(held) == images_of(CONFIG.datasets[dataset])._replace(test=test)


def test_homogeneous_tasks_share_the_images() -> None:
    stream = HomogeneousStream(kind="homogeneous", tasks=4)
    assert tasks_of(stream, images_of(CONFIG.datasets["mnist"])) == Tasks(4, 2500)


def test_an_mlp_by_hand() -> None:
    block = CONFIG.benchmarks["rotated_digits"]
    of_image = 400 * (64 + 400 + 10)
    trained, evaluated = 3 * 200 * 128 * 3, 200 * (1 + 2 + 3) * 449
    assert work_of(block, *size("rotated_digits")) == pytest.approx((trained + evaluated) * of_image / 1e9)


def test_bfloat16_evaluates_in_half_the_time() -> None:
    block = CONFIG.benchmarks["split_mnist"]
    screened = block.model_copy(update={"evaluation": EvaluationSettings(arithmetic="bf16_screened")})
    trained = 5 * 200 * 128 * 3 * 400 * (784 + 400 + 10) / 1e9
    ours, full = work_of(screened, *size("split_mnist")), work_of(block, *size("split_mnist"))
    assert ours - trained == pytest.approx((full - trained) / 2)


def test_a_resnet_is_what_was_measured() -> None:
    """docs/performance.md: 28.0 GFLOP for 256 images of CIFAR, two operations per multiply-add."""
    block = CONFIG.benchmarks["split_cifar10"].model_copy(
        update={"iterations": 1, "batch_size": 1, "evaluation": EvaluationSettings(tasks="first", images_per_task=253)}
    )
    one = work_of(block, Tasks(1, 2000), size("split_cifar10")[1])  # 3 passes and 253 evaluations
    assert one == pytest.approx(14.0, rel=0.01)
