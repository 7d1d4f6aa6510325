import math

import numpy as np
import pandas as pd
import pytest
import torch
from curve_truth import FIRST, FIRST_LOSS, SECOND, SECOND_LOSS, evaluations

from stability_gap import files
from stability_gap.curves.content import read_content
from stability_gap.curves.options import Options
from stability_gap.curves.recorder import Recorder
from stability_gap.curves.registry import read
from stability_gap.errors import UserError


def recorded(seeds=(0,), **arguments) -> Recorder:
    recorder = Recorder(**(arguments or {"context_length": 4}))
    for seed in seeds:
        for i in range(1, 9):
            recorder.add(seed=seed, iteration=i, accuracy={1: FIRST[i - 1], **({2: SECOND[i - 5]} if i > 4 else {})})
    return recorder


@pytest.mark.parametrize("arguments", [{"context_length": 4}, {"switches": [4]}])
def test_a_loop_is_recorded_in_three_lines(arguments):
    pd.testing.assert_frame_equal(recorded(**arguments).table(), evaluations())


def test_tasks_may_be_a_sequence_and_later_ones_are_left_out():
    recorder = Recorder(context_length=4)
    for i in range(1, 9):
        second = SECOND[i - 5] if i > 4 else 0.0
        recorder.add(
            iteration=np.int64(i),
            accuracy=torch.tensor([FIRST[i - 1], second, 0.0], dtype=torch.float64),
            loss=[FIRST_LOSS[i - 1], SECOND_LOSS[i - 5] if i > 4 else 9.9],
        )
    pd.testing.assert_frame_equal(recorder.table(), evaluations(loss=True))


def test_task_1_alone_and_contexts_by_hand():
    recorder = Recorder()
    for i in range(1, 9):
        recorder.add(iteration=i, accuracy=FIRST[i - 1], context=1 + (i > 4))
    pd.testing.assert_frame_equal(recorder.table(), evaluations().query("task == 1").reset_index(drop=True))


@pytest.mark.parametrize("name", ["mine.parquet", "mine.csv"])
def test_what_is_saved_is_read_back(tmp_path, name):
    path = recorded(seeds=(5, 3)).save(tmp_path / "made" / name)
    expected = pd.concat([evaluations(3), evaluations(5)], ignore_index=True)
    table = read(read_content(path), Options())
    pd.testing.assert_frame_equal(table.astype({"accuracy": "float64"}), expected, check_exact=False, rtol=1e-6)
    if name.endswith("parquet"):
        assert dict(files.read_parquet(path).dtypes.astype(str)) == {
            "seed": "int32",
            "iteration": "int32",
            "context": "int16",
            "task": "int16",
            "accuracy": "float32",
        }
    again = recorded(seeds=(5, 3)).save(tmp_path / f"again{path.suffix}")
    assert path.read_bytes() == again.read_bytes()


def test_a_run_that_diverged_is_recorded_as_nan():
    recorder = Recorder(context_length=2)
    for i in (1, 2):
        recorder.add(iteration=i, accuracy=0.5)
    for i in (3, 4):
        recorder.add(iteration=i, accuracy=math.nan)
    assert recorder.table()["accuracy"].isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize("values", [[torch.tensor(0.5, requires_grad=True)] * 2, torch.tensor([0.5, 0.5]), np.array([0.5, 0.5])])
@pytest.mark.filterwarnings("error")
def test_tensors_and_arrays_are_taken_as_sequences(values):
    """Those of a GPU too, which numpy refuses to convert as it does those that require a gradient."""
    recorder = Recorder(switches=[])
    recorder.add(iteration=1, accuracy=values[0], loss=values)
    assert recorder.table()[["accuracy", "loss"]].to_numpy().tolist() == [[0.5, 0.5]]


def test_repr_counts():
    assert repr(Recorder()) == "Recorder(0 seeds, 0 evaluations, 0 contexts)"
    assert repr(recorded(seeds=(1, 2))) == "Recorder(2 seeds, 16 evaluations, 2 contexts)"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"iteration": 4}, "seed 0, iteration 4: iteration 4 of this seed is recorded already"),
        ({"iteration": 0}, "count updates from 1"),
        ({"iteration": 5.5}, "iteration is 5.5; give a whole number"),
        ({"iteration": "x"}, "iteration is 'x'"),
        ({"seed": None}, "seed is None"),
        ({"accuracy": {1: 90.0, 2: 80.0}}, "accuracy 90 looks like percent"),
        ({"accuracy": {2: 0.5}}, "no accuracy of task 1, which was seen; give tasks 1 to 2"),
        ({"accuracy": {1: "high"}}, r"accuracy is {1: 'high'}; give numbers by task"),
        ({"accuracy": {}}, "no accuracy of task 1"),
        ({"accuracy": {0: 0.9, 1: 0.5, 2: 0.3}}, "accuracy has the task 0; tasks count from 1, in the order in which they are"),
        ({"loss": {0: 0.9, 1: 0.5, 2: 0.3}}, "loss has the task 0; tasks count from 1"),
        ({"loss": [0.5]}, "no loss of task 2"),
        ({"context": 1}, "context 1 is given, by its length or switches it is 2"),
        ({"iteration": 9}, "context 3 comes after context 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(arguments, words):
    recorder = Recorder(context_length=4)
    for i in range(1, 5):
        recorder.add(iteration=i, accuracy=FIRST[i - 1])
    before = recorder.table()
    with pytest.raises(UserError, match=words):
        recorder.add(**{"iteration": 5, "accuracy": {1: 0.5, 2: 0.5}, **arguments})
    pd.testing.assert_frame_equal(recorder.table(), before)


def test_what_is_missing_over_all_is_refused_when_saved(tmp_path):
    with pytest.raises(UserError, match="nothing was recorded yet"):
        Recorder().save(tmp_path / "mine.parquet")
    with pytest.raises(UserError, match="which context is this"):
        Recorder().add(iteration=1, accuracy=0.5)
    recorder = recorded()
    recorder.add(seed=1, iteration=1, accuracy=0.5)
    with pytest.raises(UserError, match="the recorder, column iteration: seed 1 lacks rows at iteration 2"):
        recorder.save(tmp_path / "mine.parquet")
    assert list(tmp_path.iterdir()) == []
