"""Selection of settings: criteria, ties, diverged runs, and where the runs come from."""

import numpy as np
import pandas as pd
import pytest

from stability_gap import files
from stability_gap.analysis.tuning import refuse_test_images, selection, tuning_grid
from stability_gap.config import with_selected
from stability_gap.errors import UserError
from stability_gap.files import METRICS

MEMBERS = {
    f"sgd_tuning_{number}": {"sweep": "tuning", "optimizer": "sgd", "number": number, "values": {"learning_rate": rate}}
    for number, rate in ((1, 0.1), (2, 0.2), (10, 0.3))
}
FINAL = {"sgd_tuning_1": (0.5, 0.7), "sgd_tuning_2": (0.8, 0.8), "sgd_tuning_10": (0.9, 0.7)}  # the means of 2 and 10 are equal
ANYTIME = {"sgd_tuning_1": (0.9, 0.9), "sgd_tuning_2": (0.2, 0.2), "sgd_tuning_10": (0.3, 0.3)}


def metrics() -> pd.DataFrame:
    rows = []
    for name in MEMBERS:
        for place, seed in enumerate((1, 2)):
            of = {"avg_acc": FINAL[name][place], "anytime_acc": ANYTIME[name][place], "diverged": float(name.endswith("10"))}
            rows += [("twin", name, seed, metric, np.nan, value) for metric, value in of.items()]
            rows += [("twin", name, seed, f"avg_sg_{reference}", np.nan, 0.5) for reference in ("first", "previous")]
    return pd.DataFrame(rows, columns=METRICS)


def record(name: str, benchmark: str = "twin") -> dict:
    settings = {"method": "sgd", **MEMBERS[name]["values"]}
    return {"benchmark": benchmark, "optimizer": name, "settings": {"optimizer_settings": settings}}


def test_the_best_mean_of_each_criterion_is_selected_of_equal_ones_the_smallest_number():
    grid = tuning_grid(metrics(), MEMBERS, "split").set_index("member")
    assert grid.index[grid["selected_final"]].tolist() == ["sgd_tuning_2"]
    assert grid.index[grid["selected_anytime"]].tolist() == ["sgd_tuning_1"]
    row = grid.loc["sgd_tuning_10"]
    assert (row["benchmark"], row["holdout"], row["learning_rate"], row["n"], row["diverged"]) == ("split", "twin", 0.3, 2, 2)
    assert row["final"] == pytest.approx(0.8)
    assert len(grid) == 3  # the whole grid, not the winners alone


def test_the_settings_that_were_trained_are_handed_on(tmp_path):
    chosen = selection(tuning_grid(metrics(), MEMBERS, "split"), map(record, MEMBERS))
    assert chosen["sgd_tuned_final"] == {"member": "sgd_tuning_2", "settings": {"method": "sgd", "learning_rate": 0.2}}
    assert chosen["sgd_tuned_anytime"]["settings"]["learning_rate"] == 0.1
    files.write_json(tmp_path / "split.json", chosen)
    cell = {"benchmark": "split", "optimizer": "sgd_tuned_final", "optimizer_settings": {"method": "sgd", "learning_rate": 9.0}}
    assert with_selected(cell, tmp_path / "split.json") == cell | {"optimizer_settings": chosen["sgd_tuned_final"]["settings"]}
    with pytest.raises(UserError, match=r"split\.json has no settings for adam_tuned_final; delete it and select again"):
        with_selected(cell | {"optimizer": "adam_tuned_final"}, tmp_path / "split.json")


def test_runs_on_the_test_images_are_refused():
    refuse_test_images([record("sgd_tuning_1"), record("sgd_tuning_2")], "split")
    with pytest.raises(UserError, match="runs of split itself were tested on its test images"):
        refuse_test_images([record("sgd_tuning_1"), record("sgd_tuning_2", "split")], "split")
    with pytest.raises(UserError, match="these are of other, twin"):
        refuse_test_images([record("sgd_tuning_1"), record("sgd_tuning_2", "other")], "split")


def test_a_criterion_that_is_undefined_is_named():
    table = metrics()
    table.loc[(table["optimizer"] == "sgd_tuning_2") & (table["metric"] == "avg_acc"), "value"] = np.nan
    with pytest.raises(
        UserError, match=r"avg_acc of sgd_tuning_2 is undefined, .* give the benchmark twin evaluation: \{tasks: seen"
    ):
        tuning_grid(table, MEMBERS, "split")


def test_a_grid_with_holes_is_refused():
    table = metrics()
    with pytest.raises(UserError, match="sgd_tuning_2 has no run to select from"):
        tuning_grid(table[table["optimizer"] != "sgd_tuning_2"], MEMBERS, "split")
    with pytest.raises(UserError, match="sgd_tuning_2 has 1 tuning seeds, sgd_tuning_1 has 2"):
        tuning_grid(table[(table["optimizer"] != "sgd_tuning_2") | (table["seed"] == 1)], MEMBERS, "split")
