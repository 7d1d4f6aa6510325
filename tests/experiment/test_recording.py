"""One row per update: loss, accuracy, entropy, learning rate, gains, weight norms and the length of the update."""

import numpy as np
import pytest
import torch
from torch import nn

from stability_gap.experiment.recording import Recorder
from stability_gap.learners.gain import GainModulation

LAYERS = ["in", "out"]
COLUMNS = ["loss", "accuracy", "entropy", "learning_rate", "gain_in", "gain_out", "weight_norm_in", "weight_norm_out"]
LOGITS = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 1, 2, 2])


def weights() -> list[torch.Tensor]:
    return [torch.full((2, 2), 1.0), torch.full((3, 2), 2.0)]


def record(recorder: Recorder, update: int = 0, gain: GainModulation | None = None, **changes: torch.Tensor) -> bool:
    values = {"logits": LOGITS, "labels": LABELS, "loss": torch.tensor(0.7)} | changes
    return recorder.record(update, **values, learning_rate=0.01, gain=gain)


def test_a_row_holds_what_the_contract_says():
    trained = weights()
    recorder = Recorder(LAYERS, trained, updates=1)
    trained[0][0, 0] += 3
    trained[1][2, 1] -= 4
    assert record(recorder)
    row = recorder.columns()
    assert list(row) == [*COLUMNS, "update_norm"]
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
    for name, value in expected.items():
        assert row[name].dtype == np.float32
        assert row[name].tolist() == pytest.approx([value], rel=1e-6), name


def test_the_update_is_that_since_the_row_before():
    trained = weights()
    recorder = Recorder(LAYERS, trained, updates=3)
    for update, step in enumerate((1.0, 0.0, -2.0)):
        trained[0][0, 0] += step
        record(recorder, update)
    assert recorder.columns()["update_norm"].tolist() == [1.0, 0.0, 2.0]


def test_gains_are_those_of_the_layers_and_norms_those_of_the_raw_weights():
    layers = [nn.Linear(2, 2, bias=False), nn.Linear(2, 3, bias=False)]
    raw = [layer.weight for layer in layers]
    norms = [weight.norm().item() for weight in raw]
    gain = GainModulation(layers, eta=0.4)
    gain.gains[0].fill_(2.5)
    gain.gains[1].fill_(3.5)
    recorder = Recorder(LAYERS, raw, updates=1)
    record(recorder, gain=gain)
    row = recorder.columns()
    assert (row["gain_in"].item(), row["gain_out"].item()) == (2.5, 3.5)
    assert [row["weight_norm_in"].item(), row["weight_norm_out"].item()] == pytest.approx(norms, rel=1e-6)
    assert row["update_norm"].item() == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["loss", "logits", "weight"])
def test_what_is_not_finite_is_reported_and_leaves_no_row(where, bad):
    trained = weights()
    recorder = Recorder(LAYERS, trained, updates=3)
    assert record(recorder, 0)
    changes = {}
    if where == "weight":
        trained[1][0, 0] = bad
    elif where == "loss":
        changes = {"loss": torch.tensor(bad)}
    else:
        changes = {"logits": LOGITS.index_fill(0, torch.tensor([1]), bad)}
    assert not record(recorder, 1, **changes)
    for name, column in recorder.columns().items():
        assert np.isfinite(column).tolist() == [True, False, False], name


def test_recording_changes_nothing():
    trained = weights()
    before = [weight.clone() for weight in trained]
    logits = LOGITS.clone()
    record(Recorder(LAYERS, trained, updates=1), logits=logits)
    assert all(torch.equal(weight, kept) for weight, kept in zip(trained, before, strict=True))
    assert torch.equal(logits, LOGITS)


def test_rows_keep_the_precision_of_the_weights():
    trained = [weight.double() for weight in weights()]
    recorder = Recorder(LAYERS, trained, updates=1)
    record(recorder, logits=LOGITS.double(), loss=torch.tensor(0.7, dtype=torch.float64))
    assert recorder.columns()["loss"].dtype == np.float64
    assert recorder.columns()["loss"].item() == 0.7
