import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stability_gap.analysis.measure import cell_metrics
from stability_gap.analysis.paper_convention import paper_convention, paper_metrics
from stability_gap.analysis.runs import read_runs
from stability_gap.errors import UserError
from stability_gap.files import write_json, write_parquet


def task_1(seeds: dict[int, list[float]], length: int) -> pd.DataFrame:
    """Evaluations of task 1 alone, in blocks of `length` iterations."""
    tables = [
        pd.DataFrame({"seed": seed, "iteration": range(1, len(curve) + 1), "task": 1, "accuracy": curve})
        for seed, curve in seeds.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(context=(table["iteration"] - 1) // length + 1)


# Three blocks of two iterations. Mean .3 .7 | .4 .5 | .4 .8; sd, half the difference, .1 .1 | .2 .2 | .2 .1.
HAND = task_1({1: [0.2, 0.8, 0.2, 0.7, 0.6, 0.9], 2: [0.4, 0.6, 0.6, 0.3, 0.2, 0.7]}, 2)


def cell(table: pd.DataFrame, convention: str, metric: str) -> list[float]:
    row = table[(table["convention"] == convention) & (table["metric"] == metric)]
    assert len(row) == 1
    return row[["value", "sd"]].iloc[0].tolist()


def test_values_and_sds_by_hand():
    table = paper_convention(HAND)
    assert list(table.columns) == ["convention", "metric", "n", "value", "sd"]
    assert table["convention"].tolist() == ["v1"] * 5 + ["v2"] * 5
    assert set(table["n"]) == {2}
    end_sd = math.sqrt(0.1**2 + 0.2**2 + 0.1**2) / 3
    gaps = ((0.7 - 0.4) / 0.7 + (0.5 - 0.4) / 0.5) / 2
    gap_sds = [math.hypot(0.2 / 0.7, 0.4 * 0.1 / 0.7**2), math.hypot(0.2 / 0.5, 0.4 * 0.2 / 0.5**2)]
    for convention in ("v1", "v2"):
        assert cell(table, convention, "paper_avg_acc") == pytest.approx([(0.7 + 0.5 + 0.8) / 3, end_sd])
        assert cell(table, convention, "paper_avg_sg") == pytest.approx([gaps, math.hypot(*gap_sds) / 2])
        assert cell(table, convention, "paper_sg_2") == pytest.approx([(0.7 - 0.4) / 0.7, gap_sds[0]])


def test_v1_holds_the_untrained_start_and_v2_does_not():
    table = paper_convention(HAND)
    for convention, low, low_sd in (
        ("v1", (0.3 + 0.4) / 2, math.hypot(0.1, 0.2) / 2),  # blocks 1 and 2
        ("v2", (0.4 + 0.4) / 2, math.hypot(0.2, 0.2) / 2),  # blocks 2 and 3
    ):
        assert cell(table, convention, "paper_avg_min_acc") == pytest.approx([low, low_sd])
        worst = [0.8 / 3 + 2 / 3 * low, math.hypot(0.1 / 3, 2 / 3 * low_sd)]
        assert cell(table, convention, "paper_wc_acc") == pytest.approx(worst)


def test_the_convention_understates_the_gap_of_the_seeds():
    per_seed = cell_metrics(HAND)
    gaps = per_seed.loc[per_seed["metric"] == "avg_sg_first", "value"]
    # seed 1: .8 -> .2, .7 -> .6; seed 2: .6 -> .3, .3 -> .2
    assert gaps.tolist() == pytest.approx([(6 / 8 + 1 / 7) / 2, (1 / 2 + 1 / 3) / 2])
    assert cell(paper_convention(HAND), "v2", "paper_avg_sg")[0] < gaps.mean() - 0.1


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6), min_size=1, max_size=5))
def test_minimum_of_the_mean_is_never_below_the_mean_of_the_minima(curves):
    table = paper_convention(task_1(dict(enumerate(curves)), 2))
    minima = np.array(curves).reshape(-1, 3, 2).min(axis=2)
    assert cell(table, "v1", "paper_avg_min_acc")[0] >= minima[:, :2].mean() - 1e-12
    assert cell(table, "v2", "paper_avg_min_acc")[0] >= minima[:, 1:].mean() - 1e-12


def test_one_seed_has_no_spread_and_the_gap_of_its_own_curve():
    one = HAND[HAND["seed"] == 1]
    table = paper_convention(one)
    assert (table["sd"] == 0).all()
    own = cell_metrics(one)
    own_gap = own.loc[own["metric"] == "avg_sg_first", "value"].iloc[0]
    assert cell(table, "v2", "paper_avg_sg")[0] == pytest.approx(own_gap)


@given(st.permutations(range(12)))
def test_order_of_rows_does_not_matter(order):
    pd.testing.assert_frame_equal(paper_convention(HAND.iloc[list(order)]), paper_convention(HAND))


def test_other_tasks_do_not_enter():
    second = HAND[HAND["context"] >= 2].assign(task=2, accuracy=0.01)
    third = HAND[HAND["context"] == 3].assign(task=3, accuracy=0.01)
    pd.testing.assert_frame_equal(paper_convention(pd.concat([HAND, second, third])), paper_convention(HAND))


def test_one_block_leaves_undefined_what_needs_a_switch():
    table = paper_convention(task_1({1: [0.2, 0.8]}, 2)).set_index(["convention", "metric"])
    assert table.loc[("v1", "paper_avg_acc"), "value"] == 0.8
    rest = table.drop(index="paper_avg_acc", level="metric")
    assert rest["value"].isna().all()
    assert rest["sd"].isna().all()


def test_nothing_to_lose_is_undefined():
    table = paper_convention(task_1({1: [0.0, 0.0, 0.5, 0.5]}, 2))
    np.testing.assert_array_equal(cell(table, "v2", "paper_avg_sg"), [math.nan, math.nan])


def test_a_diverged_run_is_chance_from_where_it_diverged():
    lost = task_1({1: [0.2, 0.8, math.nan, math.nan], 2: [0.4, 0.6, 0.6, 0.5]}, 2)
    filled = lost.assign(accuracy=lost["accuracy"].fillna(0.1))
    pd.testing.assert_frame_equal(paper_convention(lost, classes=10), paper_convention(filled))
    with pytest.raises(UserError, match="--classes"):
        paper_convention(lost)


def test_paper_metrics_pools_the_seeds_of_a_cell_over_its_files(tmp_path):
    for folder, optimizer, seeds in (("a", "sgd", [1]), ("b", "sgd", [2]), ("c", "adam", [1, 2])):
        write_parquet(tmp_path / folder / "evaluations.parquet", HAND[HAND["seed"].isin(seeds)])
        write_json(tmp_path / folder / "run.json", {"benchmark": "digits", "optimizer": optimizer, "classes": 10})
    paths = [tmp_path / folder for folder in "bac"]
    table = paper_metrics(read_runs(paths))
    assert list(table.columns) == ["benchmark", "optimizer", "convention", "metric", "n", "value", "sd"]
    assert table["optimizer"].tolist() == ["adam"] * 10 + ["sgd"] * 10
    assert set(table["benchmark"]) == {"digits"}
    for optimizer in ("adam", "sgd"):
        found = table.loc[table["optimizer"] == optimizer, ["convention", "metric", "n", "value", "sd"]]
        pd.testing.assert_frame_equal(found.reset_index(drop=True), paper_convention(HAND))
    bare = tmp_path / "bare.parquet"
    write_parquet(bare, HAND)
    named = paper_metrics(read_runs([bare], benchmark="b", optimizer="o"))
    assert set(zip(named["benchmark"], named["optimizer"], strict=True)) == {("b", "o")}


def random_curves(seeds: int) -> pd.DataFrame:
    draws = np.random.default_rng(seeds).random((seeds, 6))
    return task_1({seed: list(curve) for seed, curve in enumerate(draws)}, 2)


def test_more_seeds_than_the_paper_s_are_averaged_in_sets_of_five():
    table = random_curves(7)
    sets = [paper_convention(table[table["seed"].isin(seeds)]) for seeds in itertools.combinations(range(7), 5)]
    found = paper_convention(table)
    assert set(found["n"]) == {7}
    assert found["value"].to_numpy() == pytest.approx(np.mean([each["value"] for each in sets], axis=0))
    assert found["sd"].to_numpy() == pytest.approx(np.mean([each["sd"] for each in sets], axis=0))


def test_too_many_sets_are_a_fixed_choice_of_them():
    table = random_curves(16)  # 4368 sets
    found = paper_convention(table)
    pd.testing.assert_frame_equal(found, paper_convention(table))
    ends = table[table["iteration"] % 2 == 0].groupby("iteration")["accuracy"].mean().mean()
    assert cell(found, "v2", "paper_avg_acc")[0] == pytest.approx(ends, abs=0.02)


def test_paper_metrics_names_files_whose_seeds_do_not_fit_together(tmp_path):
    write_parquet(tmp_path / "a.parquet", HAND[HAND["seed"] == 1])
    write_parquet(tmp_path / "b.parquet", HAND[(HAND["seed"] == 2) & (HAND["iteration"] < 6)])
    with pytest.raises(UserError, match=r"a\.parquet, .*b\.parquet, column iteration: seed 2"):
        paper_metrics(read_runs([tmp_path / "a.parquet", tmp_path / "b.parquet"], optimizer="o"))
