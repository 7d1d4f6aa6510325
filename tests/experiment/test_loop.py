"""The loop with one seed: equal to plain numpy, reproducible, undisturbed by evaluation, honest when it diverges."""

import numpy as np
import pytest
import torch
from cells import (
    CNN_OPTIMIZERS,
    OPTIMIZERS,
    SEED,
    assert_same_run,
    augmented,
    cell,
    cnn_cell,
    coloured_images,
    small_cell,
    train,
    with_learning_rate,
)

import reference
from stability_gap.experiment import learner
from stability_gap.experiment.augmentation import draw
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.minibatches import union
from stability_gap.experiment.progress import Progress
from stability_gap.experiment.randomness import generator, torch_generator
from stability_gap.experiment.recording import Record
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.learners.build import build_model
from stability_gap.tasks.streams import Stream

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def on_device(digits: Stream) -> DeviceStream:
    return DeviceStream(digits, small_cell("sgd"), CPU)


def reference_run(stream: Stream, settings: CellSettings) -> dict[str, np.ndarray]:
    """tests/experiment/reference.py on the same initial weights and minibatches; curves in the shape of Record.

    Normalised in float64, as the float64 run does: a rounding of 1e-8 in the pixels grows to 1e-2 by chaos.
    """

    def normalised(images: np.ndarray) -> np.ndarray:
        return ((images - stream.mean.astype(np.float64)) / stream.std.astype(np.float64)).reshape(len(images), -1)

    model = build_model(settings.model, stream.train_images.shape[1:], stream.classes, torch_generator(SEED, "init"))
    switches = np.cumsum(stream.test_sizes)[:-1]
    test = zip(np.split(normalised(stream.test_images), switches), np.split(stream.test_labels, switches), strict=True)
    gain = settings.optimizer_settings.gain
    rows = reference.run(
        weights=[weight.detach().numpy() for weight in model.parameters()],
        batches=union(SEED, stream.train_sizes.tolist(), settings.iterations, settings.batch_size),
        train=(normalised(stream.train_images), stream.train_labels),
        test=list(test),
        iterations=settings.iterations,
        optimizer=settings.optimizer_settings.method,
        learning_rate=settings.optimizer_settings.learning_rate,
        momentum=getattr(settings.optimizer_settings, "momentum", 0.0),
        gain=gain.model_dump() if gain else None,
    )
    curves = {name: np.array([row[name] for row in rows]) for name in ("loss", "entropy", "gain")}
    seen = np.full((2, len(rows), stream.tasks), np.nan)
    for t, row in enumerate(rows):
        for task, (accuracy, loss) in enumerate(row["evaluations"]):
            seen[:, t, task] = accuracy, loss
    return curves | {"test_accuracy": seen[0], "test_loss": seen[1]}


def assert_equals_reference(run: Record, expected: dict[str, np.ndarray], tolerance: float, gain_tolerance: float) -> None:
    np.testing.assert_allclose(run.training["loss"], expected["loss"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.training["entropy"], expected["entropy"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.accuracy, expected["test_accuracy"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(run.loss, expected["test_loss"], rtol=0, atol=tolerance)
    for layer in ("hidden1", "hidden2", "output"):
        np.testing.assert_allclose(run.training[f"gain_{layer}"], expected["gain"], rtol=gain_tolerance)


# --- the reference --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_float64_run_equals_the_plain_reference(digits, optimizer):
    """Five contexts of 40 updates. 1e-5 (gains 1e-6) is asked for; they agree to 1e-12, 1e-9 is asserted."""
    settings = cell(optimizer, iterations=40)
    run = train(settings, DeviceStream(digits, settings, CPU, torch.float64), SEED)
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

        def batch(self, indices, crops=None):
            assert crops is None  # the digits are not augmented
            self.seen.append(indices.tolist())
            return super().batch(indices)

    def spied_build(*arguments):
        model = build_model(*arguments)
        initial.append([weight.detach().clone() for weight in model.parameters()])
        return model

    initial, batches = [], []
    monkeypatch.setattr(learner, "build_model", spied_build)
    stream = Spy(digits, small_cell("sgd"), CPU)
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
    assert (often.timeline.evaluated.tolist(), rarely.timeline.evaluated.tolist()) == (list(range(1, 31)), list(range(2, 31, 2)))
    for name, column in often.training.items():
        assert column.tobytes() == rarely.training[name].tobytes(), name
    assert often.accuracy[1::2].tobytes() == rarely.accuracy.tobytes()
    assert often.loss[1::2].tobytes() == rarely.loss.tobytes()


NO_TRACE = [
    *((small_cell, optimizer, {}) for optimizer in OPTIMIZERS),
    *((cnn_cell, optimizer, {}) for optimizer in CNN_OPTIMIZERS),
    (cnn_cell, "adam", augmented(test=True)),
]


def stream_of(settings: CellSettings, digits: Stream) -> DeviceStream:
    return DeviceStream(digits if settings.model.kind == "mlp" else coloured_images(), settings, CPU)


@pytest.mark.parametrize(("make", "optimizer", "changes"), NO_TRACE)
def test_evaluation_leaves_no_trace_in_model_and_optimizer(monkeypatch, digits, make, optimizer, changes):
    """A run whose evaluations look at every weight, statistic, gain, moment and random state before and after."""
    held = {}

    def spied(function):
        def spy(*arguments):
            held[function.__name__] = function(*arguments)
            return held[function.__name__]

        return spy

    def state() -> list[bytes]:
        model = held["build_model"]
        assert all(parameter.grad is None for parameter in model.parameters())
        tensors = [*model.state_dict().values(), torch.get_rng_state()]
        for moments in held["build_optimizer"].state_dict()["state"].values():
            tensors += [value for value in moments.values() if isinstance(value, torch.Tensor)]
        return [tensor.numpy().tobytes() for tensor in tensors]

    settings = make(optimizer, evaluation=EvaluationSettings(), **changes)
    stream = stream_of(settings, digits)
    evaluate, evaluations = stream.evaluate, []

    def watched(*arguments):
        before = state()
        result = evaluate(*arguments)
        evaluations.append(state() == before and held["build_model"].training)
        return result

    for function in (learner.build_model, learner.build_optimizer):
        monkeypatch.setattr(learner, function.__name__, spied(function))
    stream.evaluate = watched
    train(settings, stream, SEED)
    assert evaluations == [True] * (len(stream.train_sizes) * settings.iterations)


@pytest.mark.parametrize(("make", "optimizer", "changes"), NO_TRACE)
def test_weights_and_statistics_do_not_depend_on_how_often_was_evaluated(monkeypatch, digits, make, optimizer, changes):
    def spy(*arguments):
        models.append(build_model(*arguments))
        return models[-1]

    models = []
    monkeypatch.setattr(learner, "build_model", spy)
    runs = []
    for every in (1, 5):
        settings = make(optimizer, iterations=5, evaluation=EvaluationSettings(every=every), **changes)
        runs.append(train(settings, stream_of(settings, digits), SEED))
    often, rarely = (model.state_dict() for model in models)
    assert often.keys() == rarely.keys()
    for name, value in often.items():
        assert torch.equal(value, rarely[name]), name
    if not settings.augment_test:  # else every evaluation has crops of its own
        assert runs[0].loss[4::5].tobytes() == runs[1].loss.tobytes()


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


@pytest.mark.parametrize("fast", [True, False])
def test_a_screened_run_has_the_accuracies_of_a_float32_run(digits, on_device, monkeypatch, fast):
    """Where the processor has no bfloat16, it is a float32 run."""
    monkeypatch.setattr("stability_gap.experiment.device_stream.has_bfloat16", lambda: fast)
    settings = small_cell("adam", evaluation=EvaluationSettings(arithmetic="bf16_screened"))
    one, other = train(small_cell("adam"), on_device, SEED), train(settings, DeviceStream(digits, settings, CPU), SEED)
    assert one.accuracy.tobytes() == other.accuracy.tobytes()
    assert (one.loss.tobytes() != other.loss.tobytes()) == fast
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

    class Heard(Progress):
        def begin(self, seeds):
            return heard.append

    SeedTrainer(small_cell("sgd"), on_device, progress=Heard("cell", 1, 30)).one(SEED)
    assert heard == list(range(31))


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
    assert len(run.timeline.evaluated) == len(run.accuracy) == 30


def test_a_run_that_converges_did_not_diverge(on_device):
    assert train(small_cell("sgd"), on_device, SEED).diverged_at is None


class _Poisoned:
    """Evaluates as `evaluate` does, but for a test loss on task 2 that is not finite in the given evaluation (0-based)."""

    def __init__(self, evaluate, evaluation: int, bad: float) -> None:
        self.evaluate, self.evaluation, self.bad, self.calls = evaluate, evaluation, bad, 0

    def __call__(self, *arguments):
        accuracy, loss = self.evaluate(*arguments)
        if self.calls == self.evaluation:
            loss[1] = self.bad
        self.calls += 1
        return accuracy, loss


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize(("every", "evaluation", "diverged_at"), [(1, 8, 9), (2, 4, 10)])
def test_a_test_loss_that_is_not_finite_is_divergence(digits, bad, every, evaluation, diverged_at):
    settings = small_cell("msgd", evaluation=EvaluationSettings(every=every))
    stream = DeviceStream(digits, settings, CPU)
    whole = train(settings, stream, SEED)
    stream.evaluate = _Poisoned(stream.evaluate, evaluation, bad)
    run = train(settings, stream, SEED)
    assert (whole.diverged_at, run.diverged_at) == (None, diverged_at)
    for name, column in run.training.items():
        assert column[: diverged_at - 1].tobytes() == whole.training[name][: diverged_at - 1].tobytes(), name
        assert np.isnan(column[diverged_at - 1 :]).all(), name
    assert run.loss[:evaluation].tobytes() == whole.loss[:evaluation].tobytes()
    assert np.isnan(run.loss[evaluation:]).all()
    assert np.isnan(run.accuracy[evaluation:]).all()


# --- augmentation ---------------------------------------------------------------------------------------------------


class Watched(DeviceStream):
    """Keeps the crops of every batch and the test images of every evaluation."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.crops, self.tested, evaluate = [], [], self.evaluate

        def watched(model, tasks, images):
            self.tested.append(images)
            return evaluate(model, tasks, images)

        self.evaluate = watched

    def batch(self, indices, crops=None):
        self.crops.append(crops)
        return super().batch(indices, crops)


def watched_run(settings: CellSettings, seed: int = SEED) -> tuple[Watched, Record]:
    stream = Watched(coloured_images(), settings, CPU)
    return stream, train(settings, stream, seed)


def test_training_images_are_augmented_by_the_draws_of_the_seed_whatever_the_optimizer():
    settings = cnn_cell("sgd", iterations=3, **augmented())
    expected = draw(settings.augmentation, (6, 8), generator(SEED, "augmentation"))
    for optimizer in CNN_OPTIMIZERS:
        stream, _ = watched_run(cnn_cell(optimizer, iterations=3, **augmented()))
        assert torch.equal(torch.stack([crops.offsets for crops in stream.crops]), expected.offsets), optimizer
        assert torch.equal(torch.stack([crops.flips for crops in stream.crops]), expected.flips), optimizer
    other, _ = watched_run(settings, SEED + 1)
    assert not torch.equal(torch.stack([crops.offsets for crops in other.crops]), expected.offsets)


def test_without_augmentation_nothing_is_drawn_and_with_it_training_differs_from_the_first_update_on():
    plain_stream, plain = watched_run(cnn_cell("sgd"))
    _, changed = watched_run(cnn_cell("sgd", **augmented()))
    assert plain_stream.crops == [None] * 12
    assert (plain.training["loss"] != changed.training["loss"]).all()


def test_test_images_are_augmented_only_where_asked_for_and_then_anew_in_every_evaluation():
    plain_stream, plain = watched_run(cnn_cell("sgd", **augmented()))
    stream, run = watched_run(cnn_cell("sgd", **augmented(test=True)))
    assert plain_stream.tested == [None] * 4
    assert [len(images) for images in stream.tested] == [12, 12, 24, 24]
    random = generator(SEED, "evaluation")
    for images in stream.tested:
        crops = draw(cnn_cell("sgd", **augmented()).augmentation, (len(images),), random)
        assert torch.equal(images, stream.augmented_tests(crops))
    assert not torch.equal(stream.tested[2], stream.tested[3])
    for name, column in plain.training.items():
        assert column.tobytes() == run.training[name].tobytes(), name  # training takes no notice
    seen = np.isfinite(plain.loss)
    assert (plain.loss[seen] != run.loss[seen]).all()


# --- precision ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", CNN_OPTIMIZERS)
def test_bf16_training_stays_close_to_fp32_at_first(optimizer):
    runs = []
    for precision in ("fp32", "bf16"):
        settings = with_learning_rate(cnn_cell(optimizer, iterations=3, precision=precision), 0.001)
        runs.append(train(settings, DeviceStream(coloured_images(), settings, CPU), SEED))
    exact, rounded = runs
    assert rounded.diverged_at is None
    assert rounded.training["loss"].dtype == rounded.loss.dtype == np.float32
    assert (rounded.training["loss"] != exact.training["loss"]).all()  # it was used
    np.testing.assert_allclose(rounded.training["loss"], exact.training["loss"], rtol=0.05)
    np.testing.assert_allclose(rounded.loss, exact.loss, rtol=0.05)
