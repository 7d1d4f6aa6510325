"""A block of seeds trained as one model: each seed gets what the plain loop gives it, and no seed sees another."""

import numpy as np
import pytest
import torch
from cells import (
    CNN_OPTIMIZERS,
    OPTIMIZERS,
    assert_close_runs,
    assert_same_run,
    augmented,
    cnn_cell,
    coloured_images,
    rates_of,
    small_cell,
    train,
    train_together,
    with_learning_rate,
)
from torch._subclasses.fake_tensor import FakeTensorMode

from stability_gap.experiment import learner as learner_module
from stability_gap.experiment import seed_trainer
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import Learner, fresh_model, learner_of_block
from stability_gap.experiment.progress import Progress
from stability_gap.experiment.recording import Record, Recorder
from stability_gap.experiment.sampling import draw_run
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.learners.settings import MLPSettings, SlimResNet18Settings
from stability_gap.learners.stacked import StackedModel
from stability_gap.tasks.streams import Stream

CPU = torch.device("cpu")
SEEDS = [42, 7, 43]


def both(stream: DeviceStream, settings: CellSettings, seeds: list[int], tolerance: float) -> dict[int, Record]:
    """The block's trajectories, each of them that of its seed alone."""
    block = train_together(settings, stream, seeds)
    assert list(block) == seeds
    for seed in seeds:
        assert_close_runs(block[seed], train(settings, stream, seed), tolerance)
    losses = [run.training["loss"] for run in block.values()]
    assert all((loss != losses[0]).any() for loss in losses[1:])  # seeds differ
    return block


def new_block(settings: CellSettings, stream: DeviceStream, seeds: list[int] | None = None) -> Learner:
    """The learners of SEEDS before their first update."""
    return learner_of_block(settings, stream, seeds or SEEDS, rates_of(settings, stream))


def updates(block: Learner, settings: CellSettings, stream: DeviceStream, seeds: list[int], count: int) -> torch.Tensor:
    """The rows of the first updates of a block, (count, columns, S)."""
    draws, recorder = [draw_run(settings, stream, seed) for seed in seeds], Recorder(block, count)
    rates = rates_of(settings, stream)
    for update in range(count):
        batch = stream.batch(torch.stack([draw.batches[update] for draw in draws]))
        recorder.rows[update] = recorder.row(block.update(*batch, rates[update]))
    return recorder.rows


def evaluate(block: Learner, stream: DeviceStream, tasks: int, images: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return stream.evaluate(block.model, tasks, torch.stack(images) if images else None)


def state(block: Learner) -> dict[str, torch.Tensor]:
    """Everything that lasts: parameters, buffers, moments of the optimizer and the entropy that drives the gains."""
    moments = {
        f"{position} {name}": value
        for position, each in block.optimizer.state_dict()["state"].items()
        for name, value in each.items()
        if isinstance(value, torch.Tensor)
    }
    everything = block.model.stacked | block.model.buffers_of | moments | {"entropy": block.entropy}
    return {name: value.detach().clone() for name, value in everything.items()}


# --- what the plain loop does ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_seed_of_a_block_of_mlps_is_trained_as_it_is_alone(digits, optimizer):
    """A hundred updates in float64."""
    settings = small_cell(optimizer, iterations=20, evaluation=EvaluationSettings(every=2))
    settings = with_learning_rate(settings, 0.01 if optimizer == "adam" else 0.1)  # high enough for few and small updates
    block = both(DeviceStream(digits, settings, CPU, torch.float64), settings, SEEDS, tolerance=1e-9)
    assert np.nanmax(block[42].accuracy) > 0.7  # they learned
    assert (block[42].training["gain_output"].max() > 1.5) == (optimizer == "ngm_sgd")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_in_float32_a_block_of_mlps_stays_within_rounding_of_single_runs(digits, optimizer):
    settings = small_cell(optimizer, iterations=20, evaluation=EvaluationSettings(every=2, tasks="first"))
    stream = DeviceStream(digits, settings, CPU)
    images = min(stream.test_sizes)
    block = train_together(settings, stream, SEEDS)
    for seed in SEEDS:
        alone = train(settings, stream, seed)
        assert block[seed].loss.dtype == block[seed].training["loss"].dtype == np.float32
        np.testing.assert_allclose(block[seed].loss, alone.loss, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(block[seed].accuracy, alone.accuracy, rtol=0, atol=1.5 / images)  # one image
        for name in set(alone.training) - {"accuracy"}:
            np.testing.assert_allclose(block[seed].training[name], alone.training[name], rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("optimizer", CNN_OPTIMIZERS)
def test_every_seed_of_a_block_of_cnns_is_trained_as_it_is_alone(optimizer):
    """Twenty-four updates in float64."""
    settings = cnn_cell(optimizer, iterations=12, evaluation=EvaluationSettings(every=6))
    stream = DeviceStream(coloured_images(), settings, CPU, torch.float64)
    block = both(stream, settings, [42, 7], tolerance=1e-8)
    gains = [column for name, column in block[42].training.items() if name.startswith("gain_")]
    assert len(gains) == (21 if optimizer == "ngm_all_layers" else 1)
    assert all((gain.max() > 1.5) == optimizer.startswith("ngm") for gain in gains)


@pytest.mark.parametrize(("optimizer", "test"), [("ngm_sgd", False), *((optimizer, True) for optimizer in CNN_OPTIMIZERS)])
def test_so_is_a_block_whose_images_are_augmented(optimizer, test):
    settings = cnn_cell(optimizer, iterations=3, **augmented(test=test))
    both(DeviceStream(coloured_images(), settings, CPU, torch.float64), settings, [42, 7], tolerance=1e-9)


@pytest.mark.parametrize("test", [False, True])
def test_so_is_a_block_of_mlps_whose_images_are_augmented(digits, test):
    settings = small_cell("ngm_sgd", evaluation=EvaluationSettings(every=3), **augmented(test=test))
    both(DeviceStream(digits, settings, CPU, torch.float64), settings, SEEDS, tolerance=1e-9)


@pytest.mark.parametrize("changes", [{"images_per_task": 5}, {"tasks": "first"}, {"every": 6}])
def test_so_is_a_block_evaluated_in_another_way(digits, changes):
    settings = small_cell("msgd", evaluation=EvaluationSettings(**changes))
    both(DeviceStream(digits, settings, CPU, torch.float64), settings, SEEDS, tolerance=1e-9)


def test_batch_statistics_and_running_statistics_of_a_block_are_those_of_single_models(monkeypatch):
    settings = cnn_cell("msgd", iterations=5, evaluation=EvaluationSettings(every=5))
    stream = DeviceStream(coloured_images(), settings, CPU, torch.float64)
    fresh, models = fresh_model, []

    def spy(*arguments):
        models.append(fresh(*arguments))
        return models[-1]

    monkeypatch.setattr(learner_module, "fresh_model", spy)
    for seed in SEEDS:
        train(settings, stream, seed)
    monkeypatch.undo()
    block = new_block(settings, stream)
    updates(block, settings, stream, SEEDS, 10)
    for position, (model, _) in enumerate(models):
        alone = model.state_dict()
        together = {name: value[position] for name, value in (block.model.stacked | block.model.buffers_of).items()}
        assert together.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(together[name], value, rtol=1e-9, atol=1e-9, msg=name)
        assert alone["stem.norm.num_batches_tracked"] == 10
        assert (alone["stem.norm.running_mean"] != 0).all()


def test_progress_hears_of_every_update(digits):
    settings, heard = small_cell("sgd"), []

    class Heard(Progress):
        def begin(self, seeds):
            assert seeds == SEEDS
            return heard.append

    SeedTrainer(settings, DeviceStream(digits, settings, CPU), progress=Heard("cell", 3, 30)).block(SEEDS)
    assert heard == list(range(31))


# --- no seed sees another -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("others", [[42], [43, 42], [42, 1, 2, 3]])
def test_a_seed_of_mlps_does_not_depend_on_those_that_share_its_block(digits, optimizer, others):
    settings = small_cell(optimizer)
    stream = DeviceStream(digits, settings, CPU, torch.float64)
    expected, run = train_together(settings, stream, SEEDS)[42], train_together(settings, stream, others)[42]
    assert_close_runs(run, expected, tolerance=1e-11)
    assert run.accuracy.tobytes() == expected.accuracy.tobytes()


@pytest.mark.parametrize("optimizer", ["adam", "ngm_all_layers"])
def test_a_seed_of_cnns_does_not_depend_on_those_that_share_its_block(optimizer):
    settings = cnn_cell(optimizer, iterations=3, **augmented(test=True))
    stream = DeviceStream(coloured_images(), settings, CPU, torch.float64)
    runs = [train_together(settings, stream, seeds)[42] for seeds in ([42], [7, 42], [42, 7, 43])]
    for run in runs[1:]:
        assert_close_runs(run, runs[0], tolerance=1e-10)


def assert_only_one_moved(one: Learner, other: Learner, moved: int) -> None:
    """All that lasts is bit by bit the same in both blocks but for the seed at position `moved`, whose weights all differ."""
    before, after = state(one), state(other)
    assert before.keys() == after.keys()
    for name, value in before.items():
        if value.dim() == 0 or len(value) != len(SEEDS):  # an optimizer's count of steps
            assert torch.equal(value, after[name]), name
            continue
        for seed in range(len(SEEDS)):
            if seed != moved:
                assert torch.equal(value[seed], after[name][seed]), name
    for name, weight in one.weights.items():
        assert not torch.equal(weight[moved], other.weights[name][moved]), name


@pytest.mark.parametrize("make", [small_cell, cnn_cell])
@pytest.mark.parametrize("optimizer", ["adam", "ngm_sgd"])
def test_other_images_of_one_seed_move_that_seed_only(digits, make, optimizer):
    settings = make(optimizer)
    stream = DeviceStream(digits if make is small_cell else coloured_images(), settings, CPU)
    blocks = [new_block(settings, stream) for _ in range(2)]
    indices = torch.arange(3 * 8).view(3, 8)
    changed = indices.clone()
    changed[1] += 1
    for own in (indices, changed):
        blocks[own is changed].update(*stream.batch(own), rates_of(settings, stream)[0])
    assert_only_one_moved(*blocks, moved=1)


@pytest.mark.parametrize("make", [small_cell, cnn_cell])
@pytest.mark.parametrize("optimizer", ["adam", "ngm_sgd"])
def test_other_weights_of_one_seed_move_that_seed_only(digits, make, optimizer):
    settings = make(optimizer)
    stream = DeviceStream(digits if make is small_cell else coloured_images(), settings, CPU)
    blocks = [new_block(settings, stream) for _ in range(2)]
    with torch.no_grad():
        for weight in blocks[1].model.stacked.values():
            weight[2] *= 1.5
            weight[2] += 0.01
    rows = [updates(block, settings, stream, SEEDS, 2) for block in blocks]
    assert torch.equal(rows[0][..., :2], rows[1][..., :2])
    assert not torch.equal(rows[0][..., 2], rows[1][..., 2])
    assert_only_one_moved(*blocks, moved=2)


@pytest.mark.parametrize("make", [small_cell, cnn_cell])
@pytest.mark.parametrize("optimizer", ["adam", "ngm_sgd"])
def test_a_seed_that_diverges_leaves_the_others_untouched(monkeypatch, digits, make, optimizer):
    """The weights of seed 7 become NaN just before the fifth update."""

    healthy, calls = Learner.update, []

    def poisoned(self, *arguments):
        calls.append(1)
        if len(calls) == 5:
            with torch.no_grad():
                for weight in self.parameters.values():
                    weight[1] = torch.nan
        return healthy(self, *arguments)

    settings = make(optimizer, evaluation=EvaluationSettings(every=2))
    stream = DeviceStream(digits if make is small_cell else coloured_images(), settings, CPU)
    whole = train_together(settings, stream, SEEDS)
    monkeypatch.setattr(Learner, "update", poisoned)
    runs = train_together(settings, stream, SEEDS)
    assert [run.diverged_at for run in runs.values()] == [None, 5, None]
    for seed in (42, 43):
        assert_same_run(runs[seed], whole[seed])
    for name, column in runs[7].training.items():
        assert column[:4].tobytes() == whole[7].training[name][:4].tobytes()
        assert np.isnan(column[4:]).all()
    assert np.isfinite(runs[7].loss[:2, 0]).all()
    assert np.isnan(runs[7].loss[2:]).all()
    assert np.isnan(runs[7].accuracy[2:]).all()


def test_a_test_loss_of_one_seed_that_is_not_finite_is_its_divergence_alone(digits):
    settings = small_cell("sgd", evaluation=EvaluationSettings(every=3))
    stream = DeviceStream(digits, settings, CPU)
    evaluate, calls = stream.evaluate, []

    def poisoned(model, tasks, images):
        accuracy, loss = evaluate(model, tasks, images)
        calls.append(tasks)
        if len(calls) == 4:
            loss[2, 1] = torch.inf
        return accuracy, loss

    whole = train_together(settings, stream, SEEDS)
    stream.evaluate = poisoned
    runs = train_together(settings, stream, SEEDS)
    assert [run.diverged_at for run in runs.values()] == [None, None, 12]
    for seed in (42, 7):
        assert_same_run(runs[seed], whole[seed])
    assert np.isnan(runs[43].training["loss"]).tolist() == [False] * 11 + [True] * 19
    assert np.isnan(runs[43].loss[:, 0]).tolist() == [False] * 3 + [True] * 7


# --- evaluation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [small_cell, cnn_cell])
@pytest.mark.parametrize("optimizer", CNN_OPTIMIZERS)
def test_evaluation_of_a_block_leaves_no_trace(digits, make, optimizer):
    settings = make(optimizer, **augmented(test=True))
    stream = DeviceStream(digits if make is small_cell else coloured_images(), settings, CPU)
    block = new_block(settings, stream)
    updates(block, settings, stream, SEEDS, 3)
    before, random_state = state(block), torch.get_rng_state()
    evaluate(block, stream, 2, [])
    evaluate(block, stream, 2, [draw_run(settings, stream, seed).test_images(2) for seed in SEEDS])
    after = state(block)
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]), name
    assert block.model.training
    assert block.model.one.training
    assert all(weight.grad is None for weight in block.model.stacked.values())
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize("make", [small_cell, cnn_cell])
@pytest.mark.parametrize("optimizer", ["adam", "ngm_all_layers"])
def test_the_state_of_a_block_does_not_depend_on_how_often_it_was_evaluated(monkeypatch, digits, make, optimizer):
    def kept(*arguments):
        blocks.append(learner_of_block(*arguments))
        return blocks[-1]

    blocks: list[Learner] = []
    monkeypatch.setattr(seed_trainer, "learner_of_block", kept)
    for every in (1, 5):
        settings = make(optimizer, iterations=5, evaluation=EvaluationSettings(every=every))
        stream = DeviceStream(digits if make is small_cell else coloured_images(), settings, CPU)
        train_together(settings, stream, SEEDS)
    often, rarely = map(state, blocks)
    for name, value in often.items():
        assert torch.equal(value, rarely[name]), name


@pytest.mark.parametrize("own_images", [False, True])
def test_a_block_is_scored_as_its_models_are(own_images):
    """Against a single model that is given the weights and statistics of each seed in turn, image by image."""
    settings = cnn_cell("ngm_all_layers", **augmented(test=own_images))
    stream = DeviceStream(coloured_images(), settings, CPU, torch.float64)
    block = new_block(settings, stream)
    updates(block, settings, stream, SEEDS, 3)
    images = [draw_run(settings, stream, seed).test_images(2) for seed in SEEDS] if own_images else []
    stream.evaluate.chunk = 2  # of 24 images: fewer than seeds
    accuracy, loss = evaluate(block, stream, 2, images)
    assert accuracy.shape == loss.shape == (3, 2)
    model, _ = fresh_model(settings, stream, 0)
    model.eval()
    for seed in range(3):
        everything = block.model.stacked | block.model.buffers_of
        model.load_state_dict({name: value[seed].detach() for name, value in everything.items()})
        right, losses = [], []
        for image, label in zip(images[seed] if own_images else stream.evaluate.images, stream.evaluate.labels, strict=True):
            with torch.no_grad():
                probabilities = model(image[None])[0].softmax(0)
            right.append(float(probabilities.argmax() == label))
            losses.append(-probabilities[label].log().item())
        for task in range(2):
            part = slice(12 * task, 12 * (task + 1))
            assert accuracy[seed, task].item() == pytest.approx(np.mean(right[part]))
            assert loss[seed, task].item() == pytest.approx(np.mean(losses[part]), rel=1e-9)


# --- precision ------------------------------------------------------------------------------------------------------


def test_a_block_in_bf16_stays_close_to_single_runs_in_bf16():
    settings = cnn_cell("ngm_sgd", iterations=2, precision="bf16", evaluation=EvaluationSettings(every=2))
    settings = with_learning_rate(settings, 0.001)  # at 0.01 rounding grows within a few updates
    stream = DeviceStream(coloured_images(), settings, CPU)
    block = train_together(settings, stream, [42, 7])
    for seed in (42, 7):
        alone = train(settings, stream, seed)
        assert block[seed].loss.dtype == np.float32
        np.testing.assert_allclose(block[seed].training["loss"], alone.training["loss"], rtol=0.02)
        np.testing.assert_allclose(block[seed].loss, alone.loss, rtol=0.05)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    "model", [MLPSettings(kind="mlp", hidden=8), SlimResNet18Settings(kind="slim_resnet18", filters=4)], ids=lambda m: m.kind
)
def test_a_forward_pass_on_a_pretended_gpu_goes_through(model, seeds, channels):
    """Fake tensors take CUDA's code paths without a GPU: its batch norm under vmap refuses channels-last images."""
    random = np.random.default_rng(0)
    shape = (8, 32, 32, 3)[: 4 if channels == 3 else 3]
    images = random.integers(256, size=shape, dtype=np.uint8)
    labels, sizes = np.arange(8) % 2, np.array([8])
    stream = Stream(images, labels, sizes, images, labels, sizes, np.float32([127.0]), np.float32([60.0]), 2)
    settings = cnn_cell("ngm_sgd", model=model, evaluation=EvaluationSettings())
    meta = DeviceStream(stream, settings, torch.device("meta"))
    stacked = StackedModel([fresh_model(settings, meta, seed)[0] for seed in range(seeds)])
    with FakeTensorMode(allow_non_fake_inputs=True):
        for tensors in (stacked.stacked, stacked.buffers_of):
            for name, tensor in tensors.items():
                tensors[name] = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cuda")
        on_device = DeviceStream(stream, settings, torch.device("cuda"))
        batch, _ = on_device.batch(torch.zeros(seeds, 4, dtype=torch.int64, device="cuda"))
        assert batch.device.type == "cuda"
        assert stacked.train().each(batch).shape == (seeds, 4, 2)
        assert stacked.eval()(on_device.evaluate.images).shape == (seeds, 8, 2)
