"""Each variant of PROTOCOL §3 against its own equation in float64, for 100 updates; and what must not differ by a bit."""

import numpy as np
import pytest
import torch
from by_the_book import (
    SGD,
    SWITCHES,
    UPDATES,
    adam,
    cell_of,
    entropy_rate,
    fast_slow,
    momentum,
    nesterov,
    once_per_update,
    proximal,
    ramped,
    rewarmed,
    rmsprop,
    slow_run,
    trace,
)
from cells import SEED, assert_same_run, augmented, cnn_cell, coloured_images, train, train_together
from torch.nn import functional

from stability_gap.errors import UserError
from stability_gap.experiment.device_stream import DeviceStream
from stability_gap.experiment.learner import Learner, learner_of_block, learner_of_seed
from stability_gap.experiment.recording import Record
from stability_gap.experiment.sampling import draw_run
from stability_gap.experiment.seed_trainer import SeedTrainer
from stability_gap.experiment.settings import CellSettings, EvaluationSettings
from stability_gap.learners.settings import OptimizerSettings
from stability_gap.settings import validate
from stability_gap.tasks.streams import Stream

CPU = torch.device("cpu")
MSGD = SGD | {"learning_rate": 0.02, "momentum": 0.9}
ADAM = {"method": "adam", "learning_rate": 0.01}
NGM = SGD | {"gain": {"eta": 0.2}}


@pytest.fixture(scope="module")
def stream(digits: Stream) -> DeviceStream:
    return DeviceStream(digits, cell_of(SGD), CPU, torch.float64)


def run(optimizer: dict, stream: DeviceStream, donors: dict | None = None) -> Record:
    return SeedTrainer(cell_of(optimizer), stream, donors or {}).one(SEED)


def assert_follows(made: Record, expected: dict[str, np.ndarray]) -> None:
    assert len(expected["loss"]) == UPDATES
    assert expected["loss"][-1] < expected["loss"][0]  # it learns: there is something to compare
    for name, column in expected.items():
        np.testing.assert_allclose(made.training[name], column, rtol=1e-7, err_msg=name)


# --- each variant against its equation ------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [1, 2])
def test_an_entropy_rate_follows_the_trace_of_the_entropy_before(stream, power):
    made = run(SGD | {"learning_rate": {"kind": "entropy", "base": 0.02, "gain_power": power, "eta": 0.3}}, stream)
    assert_follows(made, slow_run(stream, momentum(once_per_update(entropy_rate(0.02, power, 0.3)))))
    g = trace(0.3)
    before = [0.0, *made.training["entropy"][:-1]]
    np.testing.assert_allclose(made.training["learning_rate"], [0.02 * g(entropy) ** power for entropy in before])


def test_a_rewarmed_rate_falls_at_every_switch_and_rises_back(stream):
    made = run(SGD | {"learning_rate": {"kind": "rewarm", "base": 0.1, "fraction": 0.1, "updates": 8}}, stream)
    assert_follows(made, slow_run(stream, momentum(rewarmed)))


def test_a_reset_of_momentum_at_every_switch(stream):
    made = run(MSGD | {"reset_at_switch": True}, stream)
    assert_follows(made, slow_run(stream, momentum(lambda *_: 0.02, 0.9, SWITCHES)))


def test_a_reset_of_adam_at_every_switch_and_another_beta2(stream):
    made = run(ADAM | {"beta2": 0.95, "reset_at_switch": True}, stream)
    assert_follows(made, slow_run(stream, adam(0.01, 0.95, SWITCHES)))


@pytest.mark.parametrize(("optimizer", "rule"), [(MSGD, momentum(lambda *_: 0.02, 0.9)), (ADAM, adam(0.01))])
def test_gain_on_top_of_momentum_and_of_adam(stream, optimizer, rule):
    assert_follows(run(optimizer | {"gain": {"eta": 0.1}}, stream), slow_run(stream, rule, gain=trace(0.1)))


def test_explicit_fast_and_slow_weights(stream):
    made = run(SGD | {"method": "fast_slow", "fast_rate": 0.15, "fast_decay": 0.8}, stream)
    assert_follows(made, slow_run(stream, fast_slow(0.1, 0.15, 0.8)))


def test_neuronal_decay_is_trained_and_not_recorded(stream):
    made = run(SGD | {"neuronal_decay": 0.5}, stream)
    assert_follows(made, slow_run(stream, momentum(lambda *_: 0.1), decay=0.5))


def test_proximal_replay_changes_gradients_by_old_images(stream):
    made = run(SGD | {"proximal": {"omega": 2.0, "every": 7, "images": 50}}, stream)
    assert_follows(made, slow_run(stream, proximal(0.1, 2.0, 7, 50, stream)))


def test_a_ramp_weighs_the_images_of_the_newest_task(stream):
    expected = slow_run(stream, momentum(lambda *_: 0.1), importance=ramped(stream.train_sizes))
    made = run(SGD | {"ramp": 8}, stream)
    for name, column in expected.items():
        np.testing.assert_allclose(made.training[name], column, rtol=1e-5, err_msg=name)  # weights are float32


def imported(target: str, learning_rate: float, **options: object) -> dict:
    return {"method": "import", "target": target, "learning_rate": learning_rate, "options": options}


@pytest.mark.parametrize(
    ("optimizer", "rule"),
    [
        (imported("torch.optim:SGD", 0.02, momentum=0.9, nesterov=True), nesterov(0.02, 0.9)),
        (imported("torch.optim:RMSprop", 0.003), rmsprop(0.003)),
        (imported("torch.optim:AdamW", 0.01), adam(0.01, weight_decay=0.01)),
    ],
)
def test_optimizers_of_torch(stream, optimizer, rule):
    assert_follows(run(optimizer, stream), slow_run(stream, rule))


def test_a_matched_rate_is_that_of_the_donor_times_its_moving_gain_squared(stream):
    """And a constant gain is the mean of the donor's: both after a donor whose rate and gain move."""
    donor = {SEED: (np.linspace(0.1, 0.03, UPDATES), 1 + np.abs(np.sin(np.arange(UPDATES))))}
    rate, gain = donor[SEED]
    matched = run(SGD | {"learning_rate": {"kind": "run", "optimizer": "ngm_sgd"}}, stream, donor)
    assert_follows(matched, slow_run(stream, momentum(lambda update, _: rate[update] * gain[update] ** 2)))
    constant = run(SGD | {"gain": {"mean_of": "ngm_sgd"}}, stream, donor)
    assert_follows(constant, slow_run(stream, momentum(lambda *_: 0.1), gain=lambda _: gain.mean()))


# --- exact identities -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def single(digits: Stream) -> DeviceStream:
    return DeviceStream(digits, cell_of(SGD), CPU)


def without_gain_columns(record: Record) -> Record:
    record.training = {name: column for name, column in record.training.items() if not name.startswith("gain_")}
    return record


def test_a_fixed_gain_of_one_is_sgd_bit_for_bit(single):
    fixed = run(SGD | {"gain": {"eta": 0.0}}, single)
    assert_same_run(fixed, run(SGD, single))


def test_on_a_cnn_it_is_the_plain_head_bit_for_bit():
    """So msgd_plain_head differs from ngm_sgd in the gain alone, and claim 8 takes either."""
    settings = [cnn_cell(optimizer, **augmented()) for optimizer in ("ngm_fixed_gain", "msgd_plain_head", "ngm_sgd")]
    fixed, plain, moving = (train(each, DeviceStream(coloured_images(), each, CPU), SEED) for each in settings)
    assert_same_run(fixed, plain)
    assert (moving.training["gain_output"] > 1).any()
    assert (moving.loss != plain.loss).any()


def test_a_constant_gain_is_the_mean_of_the_donors_and_stays(single):
    donor = run(NGM, single)
    read = {SEED: tuple(donor.training[name].astype(np.float64) for name in ("learning_rate", "gain_output"))}
    made = run(SGD | {"gain": {"mean_of": "ngm_sgd"}}, single, read)
    for layer in ("hidden1", "hidden2", "output"):
        (gain,) = set(made.training[f"gain_{layer}"])
        assert gain == pytest.approx(read[SEED][1].mean(), rel=1e-6)
    assert made.training["gain_output"][0] > 1.2  # not the resting gain


def test_under_a_constant_gain_g_a_matched_run_is_sgd_at_g_squared_times_the_rate(stream):
    """And a run under the gain g, which starts with weights W/g in place of W, has the losses of both."""
    rate, gain = np.full(UPDATES, 0.05), np.full(UPDATES, 1.5)
    matched = run(SGD | {"learning_rate": {"kind": "run", "optimizer": "ngm_sgd"}}, stream, {SEED: (rate, gain)})
    plain = run(SGD | {"learning_rate": 0.05 * 1.5**2}, stream)
    np.testing.assert_allclose(matched.training["loss"], plain.training["loss"], rtol=1e-10)
    np.testing.assert_allclose(matched.accuracy, plain.accuracy)
    settings = cell_of(SGD | {"learning_rate": 0.05, "gain": {"g0": 1.5, "eta": 0.0}})
    learner = learner_of_seed(settings, stream, SEED, torch.full((UPDATES, 2), 0.05))
    with torch.no_grad():
        for weight in learner.parameters.values():
            weight /= 1.5
    losses = [step.loss.item() for step in steps(learner, settings, stream, UPDATES)]
    np.testing.assert_allclose(losses, plain.training["loss"], rtol=1e-7)


def steps(learner: Learner, settings: CellSettings, stream: DeviceStream, count: int):
    """The first updates of a learner of SEED, or of a block of SEED and others."""
    rates = torch.full((2,), settings.optimizer_settings.learning_rate, dtype=torch.float64)
    batches = draw_run(settings, stream, SEED).batches[:count]
    for indices in batches if not learner.seeds else torch.stack([batches] * learner.seeds[0], 1):
        yield learner.update(*stream.batch(indices), rates)


@pytest.mark.parametrize("optimizer", [SGD, MSGD, NGM, ADAM])
def test_an_average_changes_nothing_in_training(single, optimizer):
    plain, averaged = run(optimizer, single), run(optimizer | {"average": {"decay": 0.95}}, single)
    for name, column in plain.training.items():
        assert column.tobytes() == averaged.training[name].tobytes(), name
    assert (plain.loss != averaged.loss)[np.isfinite(plain.loss)].any()


@pytest.mark.parametrize("block", [False, True])
def test_what_is_evaluated_is_the_average_in_its_closed_form(stream, block):
    settings = cell_of(NGM | {"average": {"decay": 0.9}})
    rates = torch.full((UPDATES, 2), 0.1)
    learner = learner_of_block(settings, stream, [SEED, 7], rates) if block else learner_of_seed(settings, stream, SEED, rates)

    def state(model: torch.nn.Module) -> list[torch.Tensor]:
        tensors = [*model.stacked.values(), *model.buffers_of.values()] if block else [*model.state_dict().values()]
        return [tensor.detach().clone() for tensor in tensors]

    states = [state(learner.model)]
    states += [state(learner.model) for _ in steps(learner, settings, stream, UPDATES)]
    shares = [0.9**UPDATES] + [0.1 * 0.9 ** (UPDATES - t) for t in range(1, UPDATES + 1)]
    expected = [sum(share * each for share, each in zip(shares, values, strict=True)) for values in zip(*states, strict=True)]
    with learner.evaluated() as model:
        assert len(expected) == 6  # three weights, three gains
        for average, closed in zip(state(model), expected, strict=True):
            torch.testing.assert_close(average, closed, rtol=1e-12, atol=1e-14)


def test_averages_of_a_cnn_hold_batch_statistics():
    settings = cnn_cell("sgd", optimizer_settings=validate(OptimizerSettings, SGD | {"average": {"decay": 0.5}}, "test"))
    stream = DeviceStream(coloured_images(), settings, CPU)
    learner = learner_of_seed(settings, stream, SEED, torch.full((2, 2), 0.1))
    means = [learner.model.stem.norm.running_mean.clone()]
    means += [learner.model.stem.norm.running_mean.clone() for _ in steps(learner, settings, stream, 2)]
    with learner.evaluated() as model:
        torch.testing.assert_close(model.stem.norm.running_mean, means[0] / 4 + means[1] / 4 + means[2] / 2)


def test_a_ramp_of_no_updates_is_plain(single):
    assert_same_run(run(MSGD | {"ramp": 0}, single), run(MSGD, single))


@pytest.mark.parametrize("optimizer", [MSGD, ADAM])
def test_after_a_reset_steps_are_those_of_a_fresh_optimizer(single, optimizer):
    settings = cell_of(optimizer | {"reset_at_switch": True})
    rates = torch.full((UPDATES, 2), settings.optimizer_settings.learning_rate)
    used = learner_of_seed(settings, single, SEED, rates)
    list(steps(used, settings, single, 10))
    fresh = learner_of_seed(settings, single, SEED, rates)
    fresh.model.load_state_dict(used.model.state_dict())
    used.switch()
    for _ in zip(steps(used, settings, single, 10), steps(fresh, settings, single, 10), strict=True):
        for weight, other in zip(used.parameters.values(), fresh.parameters.values(), strict=True):
            assert torch.equal(weight, other)


def test_without_a_reset_nobody_hears_of_a_switch(single):
    settings = cell_of(MSGD)
    learner = learner_of_seed(settings, single, SEED, torch.full((UPDATES, 2), 0.02))
    list(steps(learner, settings, single, 3))
    before = [state["momentum_buffer"].clone() for state in learner.optimizer.state.values()]
    learner.switch()
    after = [state["momentum_buffer"] for state in learner.optimizer.state.values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_proximal_replay_of_strength_zero_is_plain(stream):
    made = run(SGD | {"proximal": {"omega": 0.0, "every": 10}}, stream)
    np.testing.assert_allclose(made.training["loss"], run(SGD, stream).training["loss"], rtol=1e-10)


@pytest.mark.parametrize("key", [{"proximal": {"omega": 1.0, "every": 1}}, {"neuronal_decay": 1.0}, {"average": {"decay": 0.9}}])
def test_a_variant_that_diverges_is_recorded_as_diverged(single, key):
    made = run(SGD | {"learning_rate": 1e9} | key, single)
    assert made.diverged_at is not None
    assert made.diverged_at <= 10


# --- schedule-free --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["schedulefree:SGDScheduleFree", "schedulefree:SGDScheduleFreeReference"])
def test_training_of_schedule_free_sgd_does_not_depend_on_when_it_is_evaluated(single, target):
    optimizer = {"method": "import", "target": target, "learning_rate": 0.3}
    often, seldom = (
        SeedTrainer(cell_of(optimizer, evaluation=EvaluationSettings(every=every)), single).one(SEED) for every in (1, 20)
    )
    for name, column in often.training.items():
        assert column.tobytes() == seldom.training[name].tobytes(), name
    assert often.accuracy[19::20].tobytes() == seldom.accuracy.tobytes()


def test_schedule_free_sgd_is_evaluated_where_it_averages(stream):
    """z ← z − lr·∇(y); x is the mean of all z; y = 0.9·x + 0.1·z is trained (Defazio et al. 2024)."""
    settings = cell_of({"method": "import", "target": "schedulefree:SGDScheduleFree", "learning_rate": 0.3})
    learner = learner_of_seed(settings, stream, SEED, torch.full((UPDATES, 2), 0.3))
    y = [weight.detach().clone() for weight in learner.parameters.values()]
    z, zs = y, []
    for step in steps(learner, settings, stream, UPDATES):
        plain = learner_of_seed(cell_of(SGD), stream, SEED, torch.full((1, 2), 1.0))
        with torch.no_grad():
            torch._foreach_copy_(list(plain.parameters.values()), y)
        loss = functional.cross_entropy(
            plain.model(stream.batch(draw_run(settings, stream, SEED).batches[len(zs)])[0]), step.labels
        )
        gradients = torch.autograd.grad(loss, list(plain.parameters.values()))
        z = [one - 0.3 * gradient for one, gradient in zip(z, gradients, strict=True)]
        zs.append(z)
        x = [sum(values) / len(zs) for values in zip(*zs, strict=True)]
        y = [0.9 * one + 0.1 * other for one, other in zip(x, z, strict=True)]
    torch.testing.assert_close([weight.detach() for weight in learner.parameters.values()], y)
    with learner.evaluated() as model:
        torch.testing.assert_close([weight.detach() for weight in model.parameters()], x)
    torch.testing.assert_close([weight.detach() for weight in learner.parameters.values()], y)


# --- side by side, and what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [
        MSGD | {"reset_at_switch": True, "ramp": 8, "average": {"decay": 0.9}},
        ADAM | {"gain": {"eta": 0.2}, "learning_rate": {"kind": "rewarm", "base": 0.01, "fraction": 0.1, "updates": 8}},
        SGD | {"method": "fast_slow", "fast_rate": 0.15},
    ],
)
def test_seeds_side_by_side_are_those_of_seeds_alone(stream, optimizer):
    settings = cell_of(optimizer)
    block = train_together(settings, stream, [SEED, 7])
    for seed, made in block.items():
        alone = train(settings, stream, seed)
        np.testing.assert_allclose(made.loss, alone.loss, rtol=1e-6)
        np.testing.assert_allclose(made.training["loss"], alone.training["loss"], rtol=1e-6)


@pytest.mark.parametrize("key", [{"neuronal_decay": 0.1}, {"proximal": {"omega": 1.0}}])
def test_what_needs_an_mlp_says_so(key):
    settings = cnn_cell("sgd", optimizer_settings=validate(OptimizerSettings, SGD | key, "test"))
    with pytest.raises(UserError, match=rf"^{next(iter(key))}: .* \{{kind: mlp\}} only"):
        train(settings, DeviceStream(coloured_images(), settings, CPU), SEED)
