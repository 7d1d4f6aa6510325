"""One run: equal to the plain numpy reference, reproducible, undisturbed by evaluation, honest when it diverges."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

import reference
from stability_gap import config
from stability_gap.experiment import training
from stability_gap.experiment.randomness import minibatches, torch_generator
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.experiment.training import DeviceStream, Trajectory, train
from stability_gap.learners.build import build_model
from stability_gap.tasks.datasets import load
from stability_gap.tasks.streams import Stream, build

OPTIMIZERS = ["sgd", "msgd", "adam", "ngm_sgd"]
CONFIG = config.load(Path(__file__).parents[2] / "config.yaml")
CPU = torch.device("cpu")
SEED = 42


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def digits() -> Stream:
    dataset = load(CONFIG.datasets["digits"], Path("unused"), download=False)
    return build(dataset, CONFIG.benchmarks["split_digits"].stream)


@pytest.fixture(scope="module")
def on_device(digits: Stream) -> DeviceStream:
    return DeviceStream(digits, CPU, flat=True)


def cell(optimizer: str, benchmark: str = "split_digits", **changes: object) -> CellSettings:
    return CONFIG.cell(benchmark, optimizer).model_copy(update=changes)


def small_cell(optimizer: str, **changes: object) -> CellSettings:
    return cell(optimizer, "split_digits_smoke", **{"iterations": 6} | changes)


def with_learning_rate(settings: CellSettings, learning_rate: float) -> CellSettings:
    return settings.model_copy(update={"training": settings.training.model_copy(update={"learning_rate": learning_rate})})


def reference_run(stream: Stream, settings: CellSettings) -> dict[str, np.ndarray]:
    """tests/experiment/reference.py on the same initial weights and minibatches; curves in the shape of Trajectory.

    Normalised in float64, as the float64 run does: a rounding of 1e-8 in the pixels grows to 1e-2 by chaos.
    """

    def normalised(images: np.ndarray) -> np.ndarray:
        return ((images - stream.mean.astype(np.float64)) / stream.std.astype(np.float64)).reshape(len(images), -1)

    model = build_model(settings.model, stream.train_images.shape[1:], stream.classes, torch_generator(SEED, "init"))
    switches = np.cumsum(stream.test_sizes)[:-1]
    test = zip(np.split(normalised(stream.test_images), switches), np.split(stream.test_labels, switches), strict=True)
    gain = settings.training.gain
    rows = reference.run(
        weights=[weight.detach().numpy() for weight in model.parameters()],
        batches=minibatches(SEED, stream.train_sizes.tolist(), settings.iterations, settings.batch_size),
        train=(normalised(stream.train_images), stream.train_labels),
        test=list(test),
        iterations=settings.iterations,
        optimizer=settings.training.method,
        learning_rate=settings.training.learning_rate,
        momentum=getattr(settings.training, "momentum", 0.0),
        gain=gain.model_dump() if gain else None,
    )
    curves = {name: np.array([row[name] for row in rows]) for name in ("loss", "entropy", "gain")}
    seen = np.full((2, len(rows), stream.tasks), np.nan)
    for t, row in enumerate(rows):
        for task, (accuracy, loss) in enumerate(row["evaluations"]):
            seen[:, t, task] = accuracy, loss
    return curves | {"test_accuracy": seen[0], "test_loss": seen[1]}


def assert_equals_reference(run: Trajectory, expected: dict[str, np.ndarray], tolerance: float, gain_tolerance: float) -> None:
    np.testing.assert_allclose(run.training["loss"], expected["loss"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.training["entropy"], expected["entropy"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.accuracy, expected["test_accuracy"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.loss, expected["test_loss"], rtol=0, atol=tolerance)
    for layer in ("hidden1", "hidden2", "output"):
        np.testing.assert_allclose(run.training[f"gain_{layer}"], expected["gain"], rtol=gain_tolerance)


def assert_same_run(one: Trajectory, other: Trajectory) -> None:
    """Byte for byte."""
    assert one.accuracy.tobytes() == other.accuracy.tobytes()
    assert one.loss.tobytes() == other.loss.tobytes()
    assert one.training.keys() == other.training.keys()
    for name, column in one.training.items():
        assert column.tobytes() == other.training[name].tobytes(), name


# --- the reference --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_float64_run_equals_the_plain_reference(digits, optimizer):
    """Five contexts of 40 updates. 1e-5 (gains 1e-6) is asked for; they agree to 1e-12, 1e-9 is asserted."""
    settings = cell(optimizer, iterations=40)
    run = train(settings, DeviceStream(digits, CPU, flat=True, dtype=torch.float64), SEED)
    expected = reference_run(digits, settings)
    assert_equals_reference(run, expected, tolerance=1e-9, gain_tolerance=1e-9)
    assert run.diverged_at is None
    assert np.ptp(expected["test_accuracy"][:, 0]) > 0.3  # there was something to agree on
    assert (expected["gain"].max() > 1.5) == (optimizer == "ngm_sgd")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_float32_run_equals_the_plain_reference_until_rounding_grows(digits, on_device, optimizer):
    """Thirty updates over all five contexts."""
    settings = cell(optimizer, iterations=6)
    run = train(settings, on_device, SEED)
    assert run.accuracy.dtype == np.float32
    assert_equals_reference(run, reference_run(digits, settings), tolerance=1e-5, gain_tolerance=1e-6)


# --- pairing and reproducibility ------------------------------------------------------------------------------------


def test_all_optimizers_of_a_seed_start_from_the_same_weights_and_see_the_same_minibatches(monkeypatch, digits):
    class Spy(DeviceStream):
        seen: list[list[int]]

        def batch(self, indices):
            self.seen.append(indices.tolist())
            return super().batch(indices)

    def spied_build(*arguments):
        model = build_model(*arguments)
        initial.append([weight.detach().clone() for weight in model.parameters()])
        return model

    initial, batches = [], []
    monkeypatch.setattr(training, "build_model", spied_build)
    stream = Spy(digits, CPU, flat=True)
    for optimizer in OPTIMIZERS:
        stream.seen = []
        train(small_cell(optimizer), stream, SEED)
        batches.append(stream.seen)
    assert len(batches[0]) == 5 * 6
    assert all(other == batches[0] for other in batches[1:])
    for weights in initial[1:]:
        assert all(torch.equal(a, b) for a, b in zip(weights, initial[0], strict=True))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_gives_the_same_bytes_again_whatever_ran_before(on_device, optimizer):
    torch.manual_seed(0)
    first = train(small_cell(optimizer), on_device, SEED)
    other = train(small_cell(optimizer), on_device, SEED + 1)
    torch.manual_seed(1)
    assert_same_run(train(small_cell(optimizer), on_device, SEED), first)
    assert other.training["loss"].tobytes() != first.training["loss"].tobytes()


def test_training_images_are_normalised_as_test_images_are(digits, on_device):
    images, labels = on_device.batch(torch.tensor([3, 0]))
    expected = (digits.train_images[[3, 0]].astype(np.float64) - digits.mean) / digits.std
    np.testing.assert_allclose(images.numpy(), expected.reshape(2, 64), rtol=1e-6, atol=1e-6)
    assert labels.tolist() == digits.train_labels[[3, 0]].tolist()
    expected = (digits.test_images.astype(np.float64) - digits.mean) / digits.std
    np.testing.assert_allclose(on_device.evaluate.images.numpy(), expected.reshape(-1, 64), rtol=1e-6, atol=1e-6)


# --- evaluation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_evaluation_leaves_no_trace_in_training(on_device, optimizer):
    often = train(small_cell(optimizer), on_device, SEED)
    rarely = train(small_cell(optimizer, evaluation=EvaluationSettings(every=2)), on_device, SEED)
    assert (often.evaluated.tolist(), rarely.evaluated.tolist()) == (list(range(1, 31)), list(range(2, 31, 2)))
    for name, column in often.training.items():
        assert column.tobytes() == rarely.training[name].tobytes(), name
    assert often.accuracy[1::2].tobytes() == rarely.accuracy.tobytes()
    assert often.loss[1::2].tobytes() == rarely.loss.tobytes()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_evaluation_leaves_no_trace_in_model_and_optimizer(monkeypatch, digits, optimizer):
    """A run whose evaluations look at every weight, gain, moment and random state before and after."""
    held = {}

    def spied(function):
        def spy(*arguments):
            held[function.__name__] = function(*arguments)
            return held[function.__name__]

        return spy

    def state() -> list[bytes]:
        tensors = [*held["build_model"].state_dict().values(), torch.get_rng_state()]
        for moments in held["build_optimizer"].state_dict()["state"].values():
            tensors += [value for value in moments.values() if isinstance(value, torch.Tensor)]
        return [tensor.numpy().tobytes() for tensor in tensors]

    stream = DeviceStream(digits, CPU, flat=True)
    evaluate, evaluations = stream.evaluate, []

    def watched(model, tasks):
        before = state()
        result = evaluate(model, tasks)
        evaluations.append(state() == before and model.training)
        return result

    for function in (training.build_model, training.build_optimizer):
        monkeypatch.setattr(training, function.__name__, spied(function))
    stream.evaluate = watched
    train(small_cell(optimizer), stream, SEED)
    assert evaluations == [True] * 30


def test_every_task_seen_so_far_is_evaluated_and_no_other(on_device):
    run = train(small_cell("sgd"), on_device, SEED)
    seen = np.isfinite(run.accuracy).sum(axis=1)
    assert seen.tolist() == [1] * 6 + [2] * 6 + [3] * 6 + [4] * 6 + [5] * 6
    assert (np.isfinite(run.accuracy) == np.isfinite(run.loss)).all()
    assert np.isfinite(run.accuracy[-1]).all()


def test_evaluating_the_first_task_only_gives_the_first_column(on_device):
    seen = train(small_cell("msgd"), on_device, SEED)
    first = train(small_cell("msgd", evaluation=EvaluationSettings(tasks="first")), on_device, SEED)
    np.testing.assert_allclose(first.accuracy[:, 0], seen.accuracy[:, 0], rtol=0, atol=0)
    np.testing.assert_allclose(first.loss[:, 0], seen.loss[:, 0], rtol=1e-6)
    assert np.isnan(first.accuracy[:, 1:]).all()


def test_a_screened_run_has_the_accuracies_of_a_float32_run(digits, on_device):
    screened = DeviceStream(digits, CPU, flat=True, screened=True)
    one, other = (train(small_cell("adam"), stream, SEED) for stream in (on_device, screened))
    assert one.accuracy.tobytes() == other.accuracy.tobytes()
    assert one.loss.tobytes() != other.loss.tobytes()
    for name, column in one.training.items():
        assert column.tobytes() == other.training[name].tobytes(), name


# --- gain, progress, divergence -------------------------------------------------------------------------------------


def test_the_gain_of_an_update_comes_from_the_entropy_of_the_one_before_across_switches(on_device):
    run = train(small_cell("ngm_sgd"), on_device, SEED)
    gain, entropy = run.training["gain_output"].astype(np.float64), run.training["entropy"].astype(np.float64)
    assert gain[0] == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(gain[1:], 0.9 * gain[:-1] + 0.1 + 0.4 * entropy[:-1], atol=1e-6)


def test_layers_without_gain_have_gain_1_and_the_learning_rate_is_recorded(on_device):
    run = train(small_cell("adam"), on_device, SEED)
    for layer in ("hidden1", "hidden2", "output"):
        assert set(run.training[f"gain_{layer}"]) == {1.0}
    assert run.training["learning_rate"].tolist() == pytest.approx([0.01] * 30)


def test_progress_hears_of_every_update(on_device):
    heard = []
    train(small_cell("sgd"), on_device, SEED, heard.append)
    assert heard == list(range(1, 31))


@pytest.mark.parametrize("optimizer", ["sgd", "msgd", "ngm_sgd"])
def test_a_run_that_diverges_says_where_and_is_nan_from_there_on(on_device, optimizer):
    run = train(with_learning_rate(small_cell(optimizer), 1e6), on_device, SEED)
    assert run.diverged_at is not None
    assert 1 < run.diverged_at < 10
    for name, column in run.training.items():
        assert np.isfinite(column).tolist() == [True] * (run.diverged_at - 1) + [False] * (31 - run.diverged_at), name
    assert np.isfinite(run.accuracy[: run.diverged_at - 1, 0]).all()
    assert np.isnan(run.accuracy[run.diverged_at - 1 :]).all()
    assert np.isnan(run.loss[run.diverged_at - 1 :]).all()
    assert len(run.evaluated) == len(run.accuracy) == 30


def test_a_run_that_converges_did_not_diverge(on_device):
    assert train(small_cell("sgd"), on_device, SEED).diverged_at is None
