"""One row per update (loss, accuracy, entropy, learning rate, gains, norms), and the record that is left of a run."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from stability_gap.experiment.learner import Step
from stability_gap.experiment.recording import Recorder, record
from stability_gap.experiment.timeline import Timeline
from stability_gap.learners.gain import GainModulation, entropy, raw_weight

GAINS, NORMS = ["gain_in", "gain_out"], ["weight_norm_in", "weight_norm_out"]
COLUMNS = ["loss", "accuracy", "entropy", "learning_rate", *GAINS, *NORMS, "update_norm"]
LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 1, 2, 2])


def weights() -> dict[str, torch.Tensor]:
    return {"in": torch.full((2, 2), 1.0), "out": torch.full((3, 2), 2.0)}


def recorder_of(trained: dict[str, torch.Tensor], **changes: object) -> Recorder:
    """Of what a recorder looks at in a learner."""
    parts = {"followed": ["in", "out"], "weights": trained, "parameters": trained, "seeds": ()} | changes
    return Recorder(SimpleNamespace(**parts, dtype=torch.float32, device="cpu"), updates=3)


def row_of(recorder: Recorder, **changes: object) -> dict[str, float]:
    values = {"logits": LOGITS, "labels": LABELS, "loss": torch.tensor(0.7), "learning_rate": 0.01, "gains": []} | changes
    row = recorder.row(Step(entropy=entropy(values["logits"]), **values))
    assert row.shape == (len(recorder.names),)
    return dict(zip(recorder.names, row.tolist(), strict=True))


# --- rows -----------------------------------------------------------------------------------------------------------


def test_a_row_holds_what_the_contract_says():
    trained = weights()
    recorder = recorder_of(trained)
    trained["in"][0, 0] += 3
    trained["out"][2, 1] -= 4
    row = row_of(recorder)
    assert list(row) == COLUMNS
    p = np.exp(LOGITS.numpy()) / np.exp(LOGITS.numpy()).sum(axis=1, keepdims=True)
    expected = {
        "loss": 0.7,
        "accuracy": 0.5,  # the first two; a tie goes to the first class
        "entropy": np.mean(-np.sum(p * np.log(p), axis=1)),
        "learning_rate": 0.01,
        "gain_in": 1.0,
        "gain_out": 1.0,
        "weight_norm_in": np.sqrt(4**2 + 3 * 1),
        "weight_norm_out": np.sqrt(5 * 2**2 + 2**2),
        "update_norm": 5.0,
    }
    assert row == pytest.approx(expected, rel=1e-6)


def test_the_update_is_that_since_the_row_before():
    trained = weights()
    recorder = recorder_of(trained)
    norms = []
    for step in (1.0, 0.0, -2.0):
        trained["in"][0, 0] += step
        norms.append(row_of(recorder)["update_norm"])
    assert norms == [1.0, 0.0, 2.0]


def test_the_update_counts_every_parameter_norms_only_weights_and_gains_only_followed_layers():
    trained = weights()
    scale = torch.zeros(4)  # of a batch norm
    recorder = recorder_of(trained, followed=["out"], parameters=trained | {"scale": scale})
    scale += 1.5
    row = row_of(recorder)
    assert list(row) == [name for name in COLUMNS if name != "gain_in"]
    assert row["update_norm"] == pytest.approx(3.0)
    assert row["weight_norm_in"] == pytest.approx(2.0)


def test_gains_are_those_of_the_layers_and_norms_those_of_the_raw_weights():
    layers = {"in": nn.Linear(2, 2, bias=False), "out": nn.Linear(2, 3, bias=False)}
    norms = [layer.weight.norm().item() for layer in layers.values()]
    gain = GainModulation(layers.values(), eta=0.4)
    gain.gains[0].fill_(2.5)
    gain.gains[1].copy_(torch.tensor([3.0, 3.5, 4.0]))
    row = row_of(recorder_of({name: raw_weight(layer) for name, layer in layers.items()}), gains=gain.gains)
    assert (row["gain_in"], row["gain_out"]) == (2.5, 3.5)
    assert [row["weight_norm_in"], row["weight_norm_out"]] == pytest.approx(norms, rel=1e-6)
    assert row["update_norm"] == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["loss", "logits", "weight"])
def test_a_row_of_what_is_not_finite_is_not_finite(where, bad):
    trained = weights()
    recorder = recorder_of(trained)
    assert np.isfinite(list(row_of(recorder).values())).all()
    changes = {}
    if where == "weight":
        trained["out"][0, 0] = bad
    elif where == "loss":
        changes = {"loss": torch.tensor(bad)}
    else:
        changes = {"logits": LOGITS.index_fill(0, torch.tensor([1]), bad)}
    assert not np.isfinite(list(row_of(recorder, **changes).values())).all()


def test_recording_changes_nothing():
    trained = weights()
    before = {name: weight.clone() for name, weight in trained.items()}
    logits = LOGITS.clone()
    row_of(recorder_of(trained), logits=logits)
    assert all(torch.equal(trained[name], kept) for name, kept in before.items())
    assert torch.equal(logits, LOGITS)


def test_rows_keep_the_precision_of_the_weights():
    row = row_of(
        recorder_of({name: weight.double() for name, weight in weights().items()}),
        logits=LOGITS.double(),
        loss=torch.tensor(0.7, dtype=torch.float64),
    )
    assert row["loss"] == 0.7


@pytest.mark.parametrize("with_gain", [False, True])
def test_a_row_of_stacked_seeds_holds_the_row_of_each(with_gain):
    random = torch.Generator().manual_seed(0)
    stacked = {name: torch.randn(3, *weight.shape, generator=random) for name, weight in weights().items()}
    alone = [{name: weight[seed].clone() for name, weight in stacked.items()} for seed in range(3)]
    together, recorders = recorder_of(stacked, seeds=(3,)), [recorder_of(trained) for trained in alone]
    for _ in range(2):
        logits, loss = torch.randn(3, 4, 3, generator=random), torch.rand(3, generator=random)
        labels = torch.randint(3, (3, 4), generator=random)
        gains = [torch.rand(3, units, generator=random) for units in (2, 3)] if with_gain else []
        for name, weight in stacked.items():
            weight += torch.randn(weight.shape, generator=random)
            for seed, trained in enumerate(alone):
                trained[name].copy_(weight[seed])
        rows = together.row(Step(logits, labels, loss, entropy(logits), 0.01, gains))
        assert rows.shape == (len(COLUMNS), 3)
        for seed, recorder in enumerate(recorders):
            own = {"logits": logits[seed], "labels": labels[seed], "loss": loss[seed], "gains": [gain[seed] for gain in gains]}
            assert rows[:, seed].tolist() == pytest.approx(list(row_of(recorder, **own).values()), rel=1e-6)


# --- what is left of a run ------------------------------------------------------------------------------------------

NAMES = ["loss", "gain"]
SEEN = np.array([1, 2, 2])
TIMELINE = Timeline(contexts=2, iterations=3, evaluated=np.array([2, 4, 6]), covered=SEEN)


def recorded() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, accuracy and loss of six updates, two tasks, an evaluation after every second update."""
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    accuracy = np.array([[0.1, np.nan], [0.2, 0.3], [0.4, 0.5]], np.float32)
    return rows, accuracy, 1 + accuracy


def slow_divergence(rows: np.ndarray, loss: np.ndarray) -> int | None:
    """Update by update: the first whose row, or whose test loss on a task seen, is not finite."""
    for update in range(1, len(rows) + 1):
        if not np.isfinite(rows[update - 1]).all():
            return update
        if update % 2 == 0 and not np.isfinite(loss[update // 2 - 1, : SEEN[update // 2 - 1]]).all():
            return update
    return None


def test_a_record_holds_what_was_recorded():
    rows, accuracy, loss = recorded()
    run = record(NAMES, rows, accuracy, loss, TIMELINE)
    assert run.diverged_at is None
    assert run.timeline.evaluated.tolist() == [2, 4, 6]
    assert {name: column.tolist() for name, column in run.training.items()} == {
        "loss": rows[:, 0].tolist(),
        "gain": rows[:, 1].tolist(),
    }
    np.testing.assert_array_equal(run.accuracy, accuracy)
    np.testing.assert_array_equal(run.loss, loss)
    assert run.accuracy.dtype == run.loss.dtype == run.training["loss"].dtype == np.float32


def test_tasks_not_seen_yet_are_nan_whatever_was_recorded():
    rows, accuracy, loss = recorded()
    accuracy[0, 1] = loss[0, 1] = 0.9
    run = record(NAMES, rows, accuracy, loss, TIMELINE)
    assert run.diverged_at is None
    assert np.isnan(run.accuracy).tolist() == np.isnan(run.loss).tolist() == [[False, True], [False, False], [False, False]]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("updates", "evaluations", "expected"),
    [
        ([0], [], 1),
        ([2], [], 3),
        ([2, 4], [], 3),  # finite again in between
        ([5], [], 6),
        ([], [(0, 0)], 2),
        ([], [(1, 1)], 4),
        ([], [(1, 0), (2, 0)], 4),
        ([4], [(1, 0)], 4),  # the test loss first
        ([2], [(1, 0)], 3),  # the update first
        ([3], [(1, 0)], 4),  # at once
    ],
)
def test_from_where_anything_is_not_finite_on_everything_is_nan(updates, evaluations, expected, bad):
    rows, accuracy, loss = recorded()
    for update in updates:
        rows[update, 1] = bad
    for place in evaluations:
        loss[place] = bad
    kept = [values.copy() for values in (rows, accuracy, loss)]
    run = record(NAMES, rows, accuracy, loss, TIMELINE)
    assert run.diverged_at == slow_divergence(rows, loss) == expected
    for column in run.training.values():
        assert np.isfinite(column).tolist() == [update < expected for update in range(1, 7)]
    for table in (run.accuracy, run.loss):
        assert np.isfinite(table[:, 0]).tolist() == [evaluated < expected for evaluated in (2, 4, 6)]
        assert np.isnan(table[run.timeline.evaluated >= expected]).all()
    for values, before in zip((rows, accuracy, loss), kept, strict=True):
        np.testing.assert_array_equal(values, before)  # what was recorded is left as it is
