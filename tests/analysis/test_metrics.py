import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_gap.analysis.metrics import at_chance, cell_metrics, gain_metrics, gain_trajectory, measure
from stability_gap.errors import UserError
from stability_gap.files import write_json, write_parquet

NAN = math.nan


def evaluations(seeds: dict[int, list[list[float]]], blocks: list[int], every: int = 1) -> pd.DataFrame:
    """Evaluations of seeds, each given by its curves: per task the accuracies from its own block on."""
    contexts = np.repeat(np.arange(1, len(blocks) + 1), blocks)
    rows = [
        (seed, every * (t + 1), contexts[t], task, value)
        for seed, curves in seeds.items()
        for task, curve in enumerate(curves, start=1)
        for t, value in enumerate(curve, start=len(contexts) - len(curve))
    ]
    table = pd.DataFrame(rows, columns=["seed", "iteration", "context", "task", "accuracy"])
    types = {"seed": "int32", "iteration": "int32", "context": "int16", "task": "int16", "accuracy": "float32"}
    return table.sort_values(["seed", "iteration", "task"], ignore_index=True).astype(types)


# Seed 42, switch 2: task 1 from .8 to .2 (gap .6/.8 = .75), back within a point at its third iteration, final .8.
TWO = {42: [[0.5, 0.8, 0.2, 0.6, 0.8], [0.1, 0.3, 0.5]], 43: [[0.4, 0.5, 0.5, 0.5, 0.5], [0.6, 0.6, 0.7]]}
BLOCKS = [2, 3]


def value(table: pd.DataFrame, metric: str, seed: int = 42, context: int | None = None) -> float:
    rows = table[(table["metric"] == metric) & (table["seed"] == seed)]
    rows = rows[rows["context"].isna()] if context is None else rows[rows["context"] == context]
    assert len(rows) == 1, (metric, seed, context)
    return rows["value"].iloc[0]


def training(gains: dict[int, list[list[float]]], blocks: list[int]) -> pd.DataFrame:
    """Training table of seeds; per iteration the gains of its layers."""
    contexts = np.repeat(np.arange(1, len(blocks) + 1), blocks)
    rows = [
        {"seed": seed, "iteration": t, "context": context, **{f"gain_{i}": gain for i, gain in enumerate(layers)}}
        for seed, per_iteration in gains.items()
        for t, (context, layers) in enumerate(zip(contexts, per_iteration, strict=True), start=1)
    ]
    return pd.DataFrame(rows).astype({"seed": "int32", "iteration": "int32", "context": "int16"})


def write_run(folder, table: pd.DataFrame, **described) -> None:
    write_parquet(folder / "evaluations.parquet", table)
    if described:
        write_json(folder / "run.json", described)


def test_cell_metrics_by_hand():
    table = cell_metrics(evaluations(TWO, BLOCKS))
    expected = {
        ("avg_acc", None): (0.8 + 0.5) / 2,
        ("min_acc", None): 0.2,
        ("wc_acc", None): 0.5 / 2 + (1 - 1 / 2) * 0.2,
        ("sg_previous", 2): 0.75,
        ("sg_first", 2): 0.75,
        ("sg_seen", 2): 0.75,
        ("avg_sg_previous", None): 0.75,
        ("avg_sg_first", None): 0.75,
        ("avg_sg_seen", None): 0.75,
        ("wf_10", None): (0.6 + 0) / 2,
        ("wf_100", None): (0.6 + 0) / 2,
        ("wp_10", None): (0.6 + 0.4) / 2,
        ("wp_100", None): (0.6 + 0.4) / 2,
        ("lca_10", None): ((0.5 + 0.8) / 2 + (0.1 + 0.3 + 0.5) / 3) / 2,
        ("forgetting", None): 0,
        ("bwt", None): 0,
        ("recovery", 2): 3,
        ("recovered", 2): 1,
        ("gap_area", 2): (0.6 + 0.2 + 0) / 3,
        ("avg_gap_area", None): (0.6 + 0.2 + 0) / 3,
        ("diverged", None): 0,
    }
    of_seed = table[table["seed"] == 42]
    keys = [(metric, None if pd.isna(k) else k) for metric, k in zip(of_seed["metric"], of_seed["context"], strict=True)]
    assert sorted(keys, key=str) == sorted(expected, key=str)
    for (metric, context), number in expected.items():
        assert value(table, metric, context=context) == pytest.approx(number, abs=1e-6), metric
    assert value(table, "sg_first", seed=43, context=2) == 0  # .5 throughout
    assert value(table, "recovery", seed=43, context=2) == 0


def test_cell_metrics_is_tidy_and_sorted():
    table = cell_metrics(evaluations(TWO, BLOCKS))
    assert {name: str(kind) for name, kind in table.dtypes.items()} | {"metric": "str"} == {
        "seed": "int32",
        "metric": "str",
        "context": "Int16",
        "value": "float64",
    }
    assert not table.duplicated(["seed", "metric", "context"]).any()
    pd.testing.assert_frame_equal(table, table.sort_values(["seed", "metric", "context"], ignore_index=True))


@given(st.permutations(range(16)))
def test_order_of_rows_does_not_matter(order):
    table = evaluations(TWO, BLOCKS)
    assert len(table) == len(order)
    pd.testing.assert_frame_equal(cell_metrics(table.iloc[list(order)]), cell_metrics(table))


def test_a_seed_does_not_depend_on_the_others_nor_on_its_number():
    alone = cell_metrics(evaluations({42: TWO[42]}, BLOCKS))
    together = cell_metrics(evaluations(TWO, BLOCKS))
    swapped = cell_metrics(evaluations({42: TWO[43], 43: TWO[42]}, BLOCKS))
    pd.testing.assert_frame_equal(together[together["seed"] == 42].reset_index(drop=True), alone)
    np.testing.assert_array_equal(swapped.loc[swapped["seed"] == 43, "value"], alone["value"])


def test_contexts_of_unequal_length_evaluated_every_fifth_iteration():
    table = cell_metrics(evaluations(TWO, BLOCKS, every=5))
    assert value(table, "recovery", context=2) == 15
    assert value(table, "wf_10") == pytest.approx((0.6 + 0) / 2, abs=1e-6)
    assert value(table, "wp_10") == pytest.approx((0.4 + 0.2) / 2, abs=1e-6)  # neighbours only: .2 -> .6, .1 -> .3


def test_a_diverged_run_is_chance_accuracy_and_a_full_gap():
    curves = [[0.5, 0.8, 0.2, NAN, NAN], [0.1, NAN, NAN]]
    table = cell_metrics(evaluations({42: curves, 43: TWO[43]}, BLOCKS), classes=10)
    for metric in ("avg_acc", "min_acc", "wc_acc", "lca_10"):
        assert value(table, metric) == 0.1, metric
    for metric in ("avg_sg_previous", "avg_sg_first", "avg_sg_seen", "wf_10", "wf_100", "avg_gap_area", "forgetting"):
        assert value(table, metric) == 1, metric
    for metric in ("sg_previous", "sg_first", "sg_seen", "gap_area"):
        assert value(table, metric, context=2) == 1, metric
    assert value(table, "bwt") == -1
    assert value(table, "wp_10") == value(table, "wp_100") == value(table, "recovered", context=2) == 0
    assert math.isnan(value(table, "recovery", context=2))
    assert value(table, "diverged") == 1
    # the other seed is what it is without the diverged one, row for row
    whole = cell_metrics(evaluations(TWO, BLOCKS))
    np.testing.assert_array_equal(table.loc[table["seed"] == 43, "value"], whole.loc[whole["seed"] == 43, "value"])
    assert (table["seed"] == 42).sum() == (table["seed"] == 43).sum()


def test_a_diverged_run_needs_the_number_of_classes():
    table = evaluations({42: [[0.5, NAN]]}, [2])
    with pytest.raises(UserError, match=r"my\.parquet.*--classes"):
        cell_metrics(table, source="my.parquet")
    with pytest.raises(UserError, match="classes is 0"):
        cell_metrics(table, classes=0)


def test_one_task_is_undefined_not_zero_diverged_or_not():
    curves = {1: [[0.5, 0.1, 0.9]], 2: [[0.5, NAN, NAN]]}
    table = cell_metrics(evaluations(curves, [3]), classes=2)
    assert value(table, "avg_acc", seed=1) == pytest.approx(0.9)
    assert value(table, "avg_acc", seed=2) == 0.5
    undefined = [
        "min_acc",
        "wc_acc",
        "avg_sg_previous",
        "avg_sg_first",
        "avg_sg_seen",
        "forgetting",
        "bwt",
        "avg_gap_area",
    ]
    for seed in (1, 2):
        assert all(math.isnan(value(table, metric, seed=seed)) for metric in undefined)
    assert table["context"].isna().all()


@pytest.mark.parametrize("lost", [False, True])
def test_task_1_alone_gives_what_task_1_can_tell(lost):
    curve = [0.5, 0.8, 0.2, 0.6, NAN if lost else 0.4]
    table = cell_metrics(evaluations({42: [curve]}, [2, 2, 1]), classes=10)
    defined = table[table["value"].notna() & (table["metric"] != "diverged")]
    keys = {(metric, None if pd.isna(k) else k) for metric, k in zip(defined["metric"], defined["context"], strict=True)}
    expected = {("sg_first", 2), ("sg_first", 3), ("avg_sg_first", None), ("sg_previous", 2), ("sg_seen", 2)}
    expected |= {("gap_area", 2), ("recovered", 2)}
    assert keys == expected
    # .8 to .2, then .6 to .4
    assert value(table, "avg_sg_first") == pytest.approx(1 if lost else (0.75 + 1 / 3) / 2, abs=1e-6)


def broken(**changes) -> pd.DataFrame:
    return evaluations(TWO, BLOCKS).assign(**changes)


def at(table: pd.DataFrame, row: int, column: str, new: float) -> pd.DataFrame:
    table.loc[row, column] = new
    return table


good = evaluations(TWO, BLOCKS)
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
    "diverged run cut off": (
        good[(good["seed"] == 42) | (good["iteration"] < 4)],
        "seed 43 lacks rows at iteration 4.*NaN",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names_file_and_column(name):
    table, message = BAD[name]
    with pytest.raises(UserError, match=message) as error:
        cell_metrics(table, classes=10, source="runs/evaluations.parquet")
    assert str(error.value).startswith("runs/evaluations.parquet")


def test_at_chance_fills_diverged_runs_only():
    lost = evaluations({42: [[0.5, NAN]], 43: [[0.5, 0.75]]}, [2])
    assert at_chance(lost, classes=4)["accuracy"].tolist() == [0.5, 0.25, 0.5, 0.75]
    pd.testing.assert_frame_equal(at_chance(good), good)
    with pytest.raises(UserError, match="--classes"):
        at_chance(lost)


def test_gain_metrics_by_hand():
    # two layers; block 1 of 12 iterations, block 2 of 60; the mean gain over layers is the number written down
    first = [5.0, 5.0] + [1.0] * 5 + [2.0] * 5
    second = [3.0] * 20 + [4.0] + [3.0] * 29 + [1.0] * 4 + [9.0] + [1.0] * 5
    layers = [[gain - 0.5, gain + 0.5] for gain in first + second]
    table = gain_metrics(training({7: layers}, [12, 60]).sample(frac=1, random_state=0))
    assert value(table, "mean_gain", 7, 1) == pytest.approx((10 + 5 + 10) / 12)
    assert value(table, "mean_gain", 7, 2) == pytest.approx((49 * 3 + 4 + 9 * 1 + 9) / 60)
    assert value(table, "gain_before", 7, 2) == pytest.approx((5 * 1 + 5 * 2) / 10)
    assert value(table, "gain_peak", 7, 2) == 4  # the 9 comes at the 55th iteration
    assert value(table, "gain_end", 7, 2) == pytest.approx((9 * 1 + 9) / 10)
    assert len(table) == 5


def test_gain_of_a_diverged_run_is_undefined():
    table = gain_metrics(training({1: [[1.0], [2.0], [NAN], [NAN]]}, [2, 2]))
    assert value(table, "mean_gain", 1, 1) == 1.5
    assert value(table, "gain_before", 1, 2) == 1.5
    for metric in ("mean_gain", "gain_peak", "gain_end"):
        assert math.isnan(value(table, metric, 1, 2)), metric


def test_gain_trajectory_refuses_what_it_cannot_read():
    table = training({1: [[1.0], [1.0]]}, [1, 1])
    with pytest.raises(UserError, match=r"t\.parquet has no column gain_"):
        gain_trajectory(table.drop(columns="gain_0"), "t.parquet")
    with pytest.raises(UserError, match="seed 1, iteration 1 stands twice"):
        gain_trajectory(pd.concat([table, table.iloc[:1]]))
    with pytest.raises(UserError, match="column context"):
        gain_trajectory(table.assign(context=3 - table["context"]))


def test_measure_reads_run_folders(tmp_path):
    gains = training({42: [[1.5]] * 5, 43: [[1.0]] * 5}, BLOCKS)
    for seeds in (42, 43):
        folder = tmp_path / "digits" / "sgd" / str(seeds)
        write_run(folder, good[good["seed"] == seeds], benchmark="digits", optimizer="sgd", classes=10)
        write_parquet(folder / "training.parquet", gains[gains["seed"] == seeds])
    write_run(tmp_path / "other", good, benchmark="digits", optimizer="adam", classes=10)
    paths = [tmp_path / "digits/sgd/43", tmp_path / "digits/sgd/42/evaluations.parquet", tmp_path / "other"]
    table = measure(paths)
    assert list(table.columns) == ["benchmark", "optimizer", "seed", "metric", "context", "value"]
    assert set(table["benchmark"]) == {"digits"}
    keys = list(table.columns[:-1])
    pd.testing.assert_frame_equal(table, table.sort_values(keys, ignore_index=True))
    pd.testing.assert_frame_equal(table, measure(paths[::-1]))
    assert not table.duplicated(keys).any()
    assert str(table["context"].dtype) == "Int16"
    sgd, adam = (table[table["optimizer"] == name] for name in ("sgd", "adam"))
    assert value(sgd, "mean_gain", 42, 2) == 1.5
    assert value(sgd, "sg_first", 42, 2) == value(adam, "sg_first", 42, 2) == pytest.approx(0.75)
    assert "mean_gain" not in set(adam["metric"])  # it recorded no training
    write_parquet(tmp_path / "metrics.parquet", table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "metrics.parquet"), table)


def test_measure_reads_anybodys_file(tmp_path):
    lost = evaluations({1: [[0.5, NAN]]}, [2])
    write_parquet(tmp_path / "mine.parquet", lost)
    write_parquet(tmp_path / "folder" / "evaluations.parquet", lost)
    table = measure([tmp_path / "mine.parquet", tmp_path / "folder"], classes=4)
    assert set(zip(table["benchmark"], table["optimizer"], strict=True)) == {("unnamed", "mine"), ("unnamed", "folder")}
    assert set(table.loc[table["metric"] == "avg_acc", "value"]) == {0.25}
    named = measure([tmp_path / "mine.parquet"], classes=4, benchmark="b", optimizer="o")
    assert set(zip(named["benchmark"], named["optimizer"], strict=True)) == {("b", "o")}
    with pytest.raises(UserError, match=r"mine\.parquet.*--classes"):
        measure([tmp_path / "mine.parquet"])


def test_measure_takes_the_number_of_classes_of_the_run_before_the_argument(tmp_path):
    write_run(tmp_path / "run", evaluations({1: [[0.5, NAN]]}, [2]), benchmark="b", optimizer="o", classes=2)
    assert value(measure([tmp_path / "run"], classes=4), "avg_acc", seed=1) == 0.5


def test_measure_refuses_the_same_seed_twice(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / name, good, benchmark="digits", optimizer="sgd", classes=10)
    with pytest.raises(UserError, match=r"seed 42 of digits/sgd stands in both .*a/evaluations\.parquet and .*b/evaluations"):
        measure([tmp_path / "a", tmp_path / "b"])


def test_measure_says_what_is_wrong_with_files(tmp_path):
    with pytest.raises(UserError, match="no runs given"):
        measure([])
    with pytest.raises(UserError, match=r"evaluations\.parquet does not exist"):
        measure([tmp_path])
    with pytest.raises(UserError, match=r"nowhere\.parquet does not exist"):
        measure([tmp_path / "nowhere.parquet"])
    write_parquet(tmp_path / "percent.parquet", broken(accuracy=good["accuracy"] * 100))
    with pytest.raises(UserError, match=r"percent\.parquet, column accuracy"):
        measure([tmp_path / "percent.parquet"])
    write_run(tmp_path / "run", good, benchmark="digits")
    with pytest.raises(UserError, match=r"run\.json lacks the key optimizer"):
        measure([tmp_path / "run"])
    write_run(tmp_path / "run", good, benchmark="digits", optimizer="sgd", classes=10)
    write_parquet(tmp_path / "run" / "training.parquet", training({42: [[1.0]]}, [1]).drop(columns="gain_0"))
    with pytest.raises(UserError, match=r"training\.parquet has no column gain_"):
        measure([tmp_path / "run"])
    assert json.loads((tmp_path / "run" / "run.json").read_text())["classes"] == 10
