import json
import math

import numpy as np
import pandas as pd
import pytest
from run_tables import BLOCKS, broken, evaluations, good, training, value, write_run

from stability_gap.analysis.measure import measure
from stability_gap.analysis.runs import benchmark_runs, incremental_kinds, read_runs, sampling_kinds
from stability_gap.errors import UserError
from stability_gap.files import write_json, write_parquet

NAN = math.nan


def test_measure_reads_anybodys_file(tmp_path):
    lost = evaluations({1: [[0.5, NAN]]}, [2])
    write_parquet(tmp_path / "mine.parquet", lost)
    write_parquet(tmp_path / "folder" / "evaluations.parquet", lost)
    table = measure(read_runs([tmp_path / "mine.parquet", tmp_path / "folder"], classes=4))
    assert set(zip(table["benchmark"], table["optimizer"], strict=True)) == {("unnamed", "mine"), ("unnamed", "folder")}
    assert set(table.loc[table["metric"] == "avg_acc", "value"]) == {0.25}
    named = measure(read_runs([tmp_path / "mine.parquet"], classes=4, benchmark="b", optimizer="o"))
    assert set(zip(named["benchmark"], named["optimizer"], strict=True)) == {("b", "o")}
    with pytest.raises(UserError, match=r"mine\.parquet.*--classes"):
        measure(read_runs([tmp_path / "mine.parquet"]))


def test_measure_takes_the_number_of_classes_of_the_run_before_the_argument(tmp_path):
    write_run(tmp_path / "run", evaluations({1: [[0.5, NAN]]}, [2]), benchmark="b", optimizer="o", classes=2)
    assert value(measure(read_runs([tmp_path / "run"], classes=4)), "avg_acc", seed=1) == 0.5


def test_measure_refuses_the_same_seed_twice(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / name, good, benchmark="digits", optimizer="sgd", classes=10)
    with pytest.raises(UserError, match=r"seed 42 of digits/sgd stands in both .*a/evaluations\.parquet and .*b/evaluations"):
        measure(read_runs([tmp_path / "a", tmp_path / "b"]))


def test_measure_says_what_is_wrong_with_files(tmp_path):
    with pytest.raises(UserError, match="no runs given"):
        measure(read_runs([]))
    with pytest.raises(UserError, match=r"evaluations\.parquet does not exist"):
        measure(read_runs([tmp_path]))
    with pytest.raises(UserError, match=r"nowhere\.parquet does not exist"):
        measure(read_runs([tmp_path / "nowhere.parquet"]))
    write_parquet(tmp_path / "percent.parquet", broken(accuracy=good["accuracy"] * 100))
    with pytest.raises(UserError, match=r"percent\.parquet, column accuracy"):
        measure(read_runs([tmp_path / "percent.parquet"]))
    write_run(tmp_path / "run", good, benchmark="digits")
    with pytest.raises(UserError, match=r"run\.json: optimizer: missing"):
        measure(read_runs([tmp_path / "run"]))
    write_run(tmp_path / "run", good, benchmark="digits", optimizer="sgd", classes=10)
    write_parquet(tmp_path / "run" / "training.parquet", training({42: [[1.0]]}, [1]).drop(columns="gain_0"))
    with pytest.raises(UserError, match=r"training\.parquet has no column gain_"):
        measure(read_runs([tmp_path / "run"]))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["classes"] == 10


def test_names_and_classes_of_the_options_are_for_files_whose_run_json_does_not_tell(tmp_path):
    lost = evaluations({1: [[0.5, NAN]]}, [2])
    write_run(tmp_path / "described", lost, benchmark="b", optimizer="o", classes=2)
    write_run(tmp_path / "bare", lost)
    described, bare = read_runs([tmp_path / "described", tmp_path / "bare"], classes=4, benchmark="mine", optimizer="lion")
    assert (described.cell, described.facts.classes) == (("b", "o"), 2)
    assert (bare.cell, bare.facts.classes) == (("mine", "lion"), 4)
    write_run(tmp_path / "described", lost, benchmark="b", optimizer="o")
    with pytest.raises(UserError, match=r"with --classes, or by the key classes in its run\.json"):
        measure(read_runs([tmp_path / "described"]))
    (silent,) = read_runs([tmp_path / "described"], classes=4, benchmark="mine")
    assert (silent.cell, silent.facts.classes) == (("b", "o"), 4)


@pytest.mark.parametrize("content", [None, 3, "text", [], [1], {"benchmark": None}, {"benchmark": ""}, True])
def test_run_json_that_holds_something_else_is_refused(tmp_path, content):
    write_run(tmp_path, good, benchmark="b", optimizer="o", classes=2)
    write_json(tmp_path / "run.json", content)
    with pytest.raises(UserError, match=r"run\.json"):
        read_runs([tmp_path])


@pytest.mark.parametrize("key", ["benchmark", "optimizer", "classes", "incremental"])
@pytest.mark.parametrize("value", [None, 0, -3, 2.5, "text", [], {}, True, float("nan")])
def test_a_key_of_run_json_of_the_wrong_type_is_named(tmp_path, key, value):
    described = {"benchmark": "b", "optimizer": "o", "classes": 2, "incremental": "class"}
    write_run(tmp_path, good, **described | {key: value})
    if (value is None and key in ("classes", "incremental")) or (value == "text" and key in ("benchmark", "optimizer")):
        assert getattr(read_runs([tmp_path])[0].facts, key) == value
    else:
        with pytest.raises(UserError, match=rf"run\.json: {key}"):
            read_runs([tmp_path])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "joint"),
        ({"sampling": {"kind": "replay", "per_task": 100}}, "replay"),
        (None, "settings"),
        ({"sampling": "replay"}, r"settings\.sampling"),
    ],
)
def test_what_minibatches_are_drawn_from_comes_from_run_json(tmp_path, settings, expected):
    write_run(tmp_path, good, benchmark="b", optimizer="o", classes=2, settings=settings)
    if expected in ("joint", "replay"):
        assert sampling_kinds([tmp_path]) == {"b": expected}
    else:
        with pytest.raises(UserError, match=rf"run\.json: {expected}"):
            sampling_kinds([tmp_path])


def test_columns_that_pandas_wrote_as_an_index_are_columns(tmp_path):
    for index in (["seed"], ["iteration", "task"]):
        good.set_index(index).to_parquet(tmp_path / "indexed.parquet")
        pd.testing.assert_frame_equal(read_runs([tmp_path / "indexed.parquet"])[0].evaluations, good)


@pytest.mark.parametrize("column", ["seed", "iteration", "context", "task", "accuracy"])
@pytest.mark.parametrize("kind", ["list", "text", "null", "hole", "time"])
def test_columns_of_any_other_type_are_refused(tmp_path, column, kind):
    odd = {
        "list": pd.Series([[1]] * len(good)),
        "text": pd.Series(["1"] * len(good)),
        "null": pd.Series([None] * len(good)),
        "hole": pd.Series([1] * (len(good) - 1) + [None], dtype="Int32"),
        "time": pd.Series(pd.Timestamp("2026-01-01"), index=good.index),
    }[kind]
    good.assign(**{column: odd}).to_parquet(tmp_path / "odd.parquet")
    with pytest.raises(UserError, match=rf"odd\.parquet, column {column}"):
        measure(read_runs([tmp_path / "odd.parquet"]))


@pytest.mark.parametrize("odd", ["1", [1.0], None])
def test_a_gain_that_is_no_number_is_refused(tmp_path, odd):
    write_run(tmp_path, good, benchmark="b", optimizer="o", classes=2)
    gains = training({42: [[1.0]] * 5, 43: [[1.0]] * 5}, BLOCKS)
    gains["gain_0"] = pd.Series([odd] * len(gains), dtype="object")
    gains.to_parquet(tmp_path / "training.parquet")
    with pytest.raises(UserError, match=r"training\.parquet, column gain_0"):
        measure(read_runs([tmp_path]))


def suite(folder, optimizers=("sgd", "adam"), benchmark="digits", **described):
    """Run folders of one benchmark, with losses and gains."""
    gains = training({42: [[1.5]] * 5, 43: [[1.0]] * 5}, BLOCKS)
    for name in optimizers:
        write_run(folder / name, good.assign(loss=np.float32(0.5)), benchmark=benchmark, optimizer=name, classes=10, **described)
        write_parquet(folder / name / "training.parquet", gains)
    return [folder / name for name in optimizers]


def test_all_runs_of_a_benchmark_for_its_figures(tmp_path):
    runs = benchmark_runs(suite(tmp_path))
    assert (runs.benchmark, runs.classes) == ("digits", 10)
    assert list(runs.evaluations) == ["seed", "iteration", "context", "task", "accuracy", "loss", "optimizer"]
    assert list(runs.training) == ["seed", "iteration", "context", "gain_0", "optimizer"]
    for name in ("sgd", "adam"):
        pd.testing.assert_frame_equal(
            runs.evaluations.loc[runs.evaluations["optimizer"] == name, list(good)].reset_index(drop=True), good
        )
    assert set(benchmark_runs(suite(tmp_path), seeds=[42]).training["seed"]) == {42}


def test_figures_refuse_what_metrics_refuse(tmp_path):
    folders = suite(tmp_path)
    with pytest.raises(UserError, match="no runs given"):
        benchmark_runs([])
    with pytest.raises(UserError, match="seed 42 of digits/sgd stands in both"):
        benchmark_runs([*folders, folders[0]])
    other = suite(tmp_path / "other", ["sgd"], benchmark="mnist")
    with pytest.raises(UserError, match=r"several benchmarks \(digits, mnist\)"):
        benchmark_runs([*folders, *other])
    (folders[0] / "training.parquet").unlink()
    with pytest.raises(UserError, match=r"training\.parquet does not exist"):
        benchmark_runs(folders)
    write_parquet(folders[0] / "evaluations.parquet", good)
    with pytest.raises(UserError, match=r"evaluations\.parquet lacks the column\(s\) loss"):
        benchmark_runs(folders)


def test_what_tasks_bring_comes_from_run_json_or_is_said(tmp_path):
    digits = suite(tmp_path / "a", incremental="class")
    old = suite(tmp_path / "b", benchmark="mnist")
    assert incremental_kinds(["digits"], digits) == {"digits": "class"}
    assert incremental_kinds(["digits", "mnist"], [*digits, *old], {"mnist": "domain"}) == {"digits": "class", "mnist": "domain"}
    with pytest.raises(UserError, match=r"whether mnist is class- or domain-incremental.*--incremental mnist=class"):
        incremental_kinds(["digits", "mnist"], [*digits, *old])
    other = suite(tmp_path / "c", ["msgd"], incremental="domain")
    with pytest.raises(UserError, match="incremental is 'domain'"):
        incremental_kinds(["digits"], [*digits, *other])
