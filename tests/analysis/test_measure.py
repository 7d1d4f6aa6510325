import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_tables import BLOCKS, TWO, evaluations, good, training, value, write_run

from stability_gap.analysis.measure import cell_metrics, gain_metrics, measure, read_metrics, what_evaluations_hide
from stability_gap.analysis.runs import Facts, Run, read_runs
from stability_gap.errors import UserError
from stability_gap.files import write_parquet

NAN = math.nan


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
        ("anytime_acc", None): (0.5 + 0.8 + 0.15 + 0.45 + 0.65) / 5,
        ("transient_area", 2): (0.6 + 0.2 + 0) / 3,  # it ends at .8 again
        ("avg_transient_area", None): (0.6 + 0.2 + 0) / 3,
        ("lasting_area", 2): 0,
        ("avg_lasting_area", None): 0,
    }
    for reference in ("previous", "first", "seen"):
        # the placebo switch lies after the first of the block's three updates: from .2 to .6 and .8
        expected |= {(f"depth_{reference}", 2): 0.6, (f"avg_depth_{reference}", None): 0.6}
        expected |= {(f"placebo_sg_{reference}", 2): 1 - 0.6 / 0.2, (f"avg_placebo_sg_{reference}", None): 1 - 0.6 / 0.2}
        expected |= {(f"net_sg_{reference}", 2): 0.75 + 2, (f"avg_net_sg_{reference}", None): 0.75 + 2}
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
    expected |= {("gap_area", 2), ("recovered", 2), ("transient_area", 2), ("lasting_area", 2)}
    expected |= {("depth_first", 2), ("depth_first", 3), ("avg_depth_first", None), ("depth_previous", 2), ("depth_seen", 2)}
    # the last block has one update, so no halves
    expected |= {(f"{metric}_{r}", 2) for metric in ("net_sg", "placebo_sg") for r in ("first", "previous", "seen")}
    assert keys == expected
    # .8 to .2, then .6 to .4
    assert value(table, "avg_sg_first") == pytest.approx(1 if lost else (0.75 + 1 / 3) / 2, abs=1e-6)


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
    # over as many updates as follow the placebo switch, 30; the gain of the ten before it averages 3.1
    assert value(table, "gain_rise", 7, 2) == pytest.approx(4 - 1.5)
    assert value(table, "gain_decay", 7, 2) == pytest.approx(4 - 3.1)
    assert value(table, "placebo_gain_rise", 7, 2) == pytest.approx(9 - 3.1)
    assert value(table, "placebo_gain_decay", 7, 2) == pytest.approx(9 - 1.8)
    assert len(table) == 9


def test_gain_of_a_diverged_run_is_undefined():
    table = gain_metrics(training({1: [[1.0], [2.0], [NAN], [NAN]]}, [2, 2]))
    assert value(table, "mean_gain", 1, 1) == 1.5
    assert value(table, "gain_before", 1, 2) == 1.5
    for metric in ("mean_gain", "gain_peak", "gain_end"):
        assert math.isnan(value(table, metric, 1, 2)), metric


def test_measure_reads_run_folders(tmp_path):
    gains = training({42: [[1.5]] * 5, 43: [[1.0]] * 5}, BLOCKS)
    for seeds in (42, 43):
        folder = tmp_path / "digits" / "sgd" / str(seeds)
        write_run(folder, good[good["seed"] == seeds], benchmark="digits", optimizer="sgd", classes=10)
        write_parquet(folder / "training.parquet", gains[gains["seed"] == seeds])
    write_run(tmp_path / "other", good, benchmark="digits", optimizer="adam", classes=10)
    paths = [tmp_path / "digits/sgd/43", tmp_path / "digits/sgd/42/evaluations.parquet", tmp_path / "other"]
    table = measure(read_runs(paths))
    assert list(table.columns) == ["benchmark", "optimizer", "seed", "metric", "context", "value"]
    assert set(table["benchmark"]) == {"digits"}
    keys = list(table.columns[:-1])
    pd.testing.assert_frame_equal(table, table.sort_values(keys, ignore_index=True))
    pd.testing.assert_frame_equal(table, measure(read_runs(paths[::-1])))
    assert not table.duplicated(keys).any()
    assert str(table["context"].dtype) == "Int16"
    sgd, adam = (table[table["optimizer"] == name] for name in ("sgd", "adam"))
    assert value(sgd, "mean_gain", 42, 2) == 1.5
    assert value(sgd, "sg_first", 42, 2) == value(adam, "sg_first", 42, 2) == pytest.approx(0.75)
    assert "mean_gain" not in set(adam["metric"])  # it recorded no training
    write_parquet(tmp_path / "metrics.parquet", table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "metrics.parquet"), table)


def test_evaluations_far_apart_after_a_switch_are_warned_of_once(caplog):
    facts = [Facts(benchmark="b", optimizer=optimizer) for optimizer in ("sgd", "adam")]
    far = [Run(each, evaluations(TWO, BLOCKS, every=50), None, Path(f"{each.optimizer}.parquet")) for each in facts]
    near = Run(facts[0], evaluations(TWO, BLOCKS), None, Path("near.parquet"))
    measure([near, *far])
    (line,) = [record.getMessage() for record in caplog.records if "after a switch" in record.getMessage()]
    assert line.startswith("sgd.parquet and 1 more: after a switch only one update in 50 was evaluated. ")
    assert "rounded up to 50 updates" in line
    assert "near.parquet" not in caplog.text
    caplog.clear()
    measure([near])
    assert caplog.text == ""


def test_what_is_dense_after_each_switch_and_middle_hides_nothing():
    dense = evaluations({1: [[0.5] * 80, [0.5] * 40]}, [40, 40])
    cell_metrics(dense)
    since = (dense["iteration"] - 1) % 40 + 1
    after_the_middle = since - 20
    middle = (after_the_middle > 0) & (after_the_middle <= 20)
    assert what_evaluations_hide(dense[(since <= 20) | middle | (since % 10 == 0)]) == []
    (undefined,) = what_evaluations_hide(dense[(since <= 20) | (since % 10 == 0)])
    assert "placebo and net gaps are undefined" in undefined
    assert any("one update in 10 " in words for words in what_evaluations_hide(dense[(since <= 10) | (since % 10 == 0)]))


def test_sparse_evaluations_are_measured_as_what_can_be_known():
    full = evaluations({1: [[0.8] * 50 + [0.1] + [0.8] * 49, [0.5] * 50]}, [50, 50])
    kept = cell_metrics(full[full["iteration"] % 50 == 0])
    assert value(cell_metrics(full), "recovery", 1, 2) == 2
    assert value(kept, "recovery", 1, 2) == 50
    assert value(kept, "avg_sg_first", 1) == 0
    assert value(cell_metrics(full), "avg_sg_first", 1) == pytest.approx(0.875, abs=1e-6)


def test_metrics_are_read_back_as_they_were_written(tmp_path):
    table = cell_metrics(good).assign(benchmark="b", optimizer="o")[
        ["benchmark", "optimizer", "seed", "metric", "context", "value"]
    ]
    write_parquet(tmp_path / "metrics.parquet", table)
    pd.testing.assert_frame_equal(read_metrics(tmp_path / "metrics.parquet"), table)


@pytest.mark.parametrize("column", ["benchmark", "optimizer", "seed", "metric", "context", "value"])
@pytest.mark.parametrize("odd", [[1], pd.Timestamp("2026-01-01"), "x"])
def test_metrics_of_the_wrong_type_are_refused(tmp_path, column, odd):
    table = pd.DataFrame(
        {"benchmark": ["b"], "optimizer": ["o"], "seed": [1], "metric": ["avg_acc"], "context": [2], "value": [0.5]}
    )
    if odd == "x" and column in ("benchmark", "optimizer", "metric"):
        odd = None
    table.assign(**{column: pd.Series([odd])}).to_parquet(tmp_path / "metrics.parquet")
    with pytest.raises(UserError, match=rf"metrics\.parquet, column {column}"):
        read_metrics(tmp_path / "metrics.parquet")


def test_metrics_with_two_values_of_one_thing_are_refused(tmp_path):
    table = pd.DataFrame(
        {"benchmark": "b", "optimizer": "o", "seed": [1, 1], "metric": "sg_first", "context": 2, "value": [0.5, 0.6]}
    )
    table.to_parquet(tmp_path / "metrics.parquet")
    with pytest.raises(UserError, match=r"metrics\.parquet has two values of b o 1 sg_first 2"):
        read_metrics(tmp_path / "metrics.parquet")
