import math

import pandas as pd
import pytest
from run_tables import at, broken, evaluations, good, training

from stability_gap.analysis.checks import at_chance, check_evaluations, gain_per_update
from stability_gap.errors import UserError

NAN = math.nan


BAD = {
    "missing column": (good.drop(columns=["task", "accuracy"]), r"lacks the column\(s\) task, accuracy"),
    "no rows": (good.iloc[:0], "has no rows"),
    "text": (good.astype({"accuracy": "str"}), "column accuracy: the type is"),
    "float seed": (good.astype({"seed": "float64"}), "column seed: the type is float64; it must be an integer"),
    "null task": (
        good.astype({"task": "Int16"}).assign(task=pd.NA).astype({"task": "Int16"}),
        "column task.*never null",
    ),
    "percent": (broken(accuracy=good["accuracy"] * 100), "column accuracy: 80 looks like percent; divide by 100"),
    "negative": (at(good.copy(), 3, "accuracy", -0.25), "column accuracy: -0.25 is below 0"),
    "infinite": (at(good.copy(), 3, "accuracy", math.inf), "column accuracy: infinite values"),
    "twice": (pd.concat([good, good.iloc[[4]]]), "seed 42, iteration 4, task 1 stands twice"),
    "two contexts": (at(good.copy(), 9, "context", 2), "column context: iteration 2 has two contexts"),
    "contexts from 0": (broken(context=good["context"] - 1), "column context: contexts must be 1, 2"),
    "context skipped": (broken(context=good["context"] * 2 - 1), "column context: contexts must be 1, 2"),
    "contexts backwards": (broken(context=3 - good["context"]), "column context: contexts must be 1, 2"),
    "tasks from 0": (broken(task=good["task"] - 1), r"column task: the tasks are 0, 1; they must be 1 … 2"),
    "task 2 alone": (good[good["task"] == 2].assign(context=1), "column task: the tasks are 2; they must be 1 … 1"),
    "task too early": (
        pd.concat([good, good.iloc[[1]].assign(task=2).astype({"task": "int16"})]),
        r"column task: task 2 stands in context 1 \(seed 42, iteration 2\)",
    ),
    "iteration missing in one seed": (good.drop(index=8), "column iteration: seed 43 lacks rows at iteration 1"),
    "task missing in one seed": (good.drop(index=5), "column iteration: seed 42 lacks rows at iteration 4"),
    "a hole": (
        at(good.copy(), 3, "accuracy", NAN),
        "column accuracy: seed 42 has none on task 2 at iteration 3, but has some at that",
    ),
    "diverged run cut off": (
        good[(good["seed"] == 42) | (good["iteration"] < 4)],
        "seed 43 lacks rows at iteration 4.*NaN",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names_file_and_column(name):
    table, message = BAD[name]
    with pytest.raises(UserError, match=message) as error:
        check_evaluations(table, "runs/evaluations.parquet")
    assert str(error.value).startswith("runs/evaluations.parquet")


def test_at_chance_fills_diverged_runs_only():
    lost = evaluations({42: [[0.5, NAN]], 43: [[0.5, 0.75]]}, [2])
    assert at_chance(lost, classes=4)["accuracy"].tolist() == [0.5, 0.25, 0.5, 0.75]
    pd.testing.assert_frame_equal(at_chance(good), good)
    with pytest.raises(UserError, match="--classes"):
        at_chance(lost)


def test_gain_per_update_refuses_what_it_cannot_read():
    table = training({1: [[1.0], [1.0]]}, [1, 1])
    with pytest.raises(UserError, match=r"t\.parquet has no column gain_"):
        gain_per_update(table.drop(columns="gain_0"), "t.parquet")
    with pytest.raises(UserError, match="seed 1, iteration 1 stands twice"):
        gain_per_update(pd.concat([table, table.iloc[:1]]))
    with pytest.raises(UserError, match="column context"):
        gain_per_update(table.assign(context=3 - table["context"]))


def test_a_gain_of_whole_numbers_is_a_gain():
    table = training({1: [[1.0], [1.0]]}, [1, 1]).astype({"gain_0": "int64"})
    assert gain_per_update(table)["gain"].tolist() == [1.0, 1.0]
