"""From run folders to mechanism.csv: what stands in it agrees with the run's own files."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from stability_gap import files
from stability_gap.analysis.mechanism.measure import COLUMNS, measure_all
from stability_gap.cli.group import commands
from stability_gap.experiment.replay import open_run
from stability_gap.experiment.run import train_cell
from stability_gap.experiment.settings import CellSettings
from stability_gap.learners.settings import GainSettings, MLPSettings, SGDSettings
from stability_gap.tasks.prepare import prepare_dataset, prepare_stream
from stability_gap.tasks.settings import DigitsSettings, SplitStream

ITERATIONS = 30
MEASURED = {
    *("lambda_w", "lambda_eff", "lambda_ratio", "gain_squared", "effective_rate"),
    *("gradient_cosine", "gradient_ratio", "old_loss", "ece_old", "entropy_old"),
}


def settings(gain: bool) -> CellSettings:
    return CellSettings(
        benchmark="split_tiny",
        optimizer="ngm_sgd" if gain else "sgd",
        iterations=ITERATIONS,
        batch_size=16,
        model=MLPSettings(kind="mlp", hidden=64),
        optimizer_settings=SGDSettings(method="sgd", learning_rate=0.2, gain=GainSettings(eta=0.05) if gain else None),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, one_thread) -> Path:
    folder = tmp_path_factory.mktemp("mechanism")
    prepare_dataset("digits", DigitsSettings(source="sklearn_digits"), folder, folder / "data")
    prepare_stream("split_tiny", SplitStream(kind="split", classes_per_task=5), folder / "data", folder / "stream")
    for name, gain in (("ngm_sgd", True), ("sgd", False)):
        train_cell(settings(gain), folder / "stream", [1, 2], folder / name, 1, "cpu")
    return folder


@pytest.fixture(scope="module")
def table(folder) -> pd.DataFrame:
    return measure_all(open_run(folder / name, [folder / "stream"]) for name in ("ngm_sgd", "sgd"))


def test_a_short_context_is_not_looked_at_beyond_its_end(folder, tmp_path):
    """Ten updates: one of the usual offsets is the last update, the larger ones lie in other contexts."""
    prepare_stream("short", SplitStream(kind="split", classes_per_task=2), folder / "data", tmp_path / "stream")
    short = settings(gain=True).model_copy(update={"benchmark": "short", "iterations": 10})
    train_cell(short, tmp_path / "stream", [1], tmp_path / "run", 1, "cpu")
    table = measure_all([open_run(tmp_path / "run", [tmp_path / "stream"])])
    curvature = table[table["quantity"] == "lambda_eff"]
    assert curvature.groupby("context")["since"].agg(list).to_dict() == {k: [-1, 0, 1, 2, 5, 10] for k in range(2, 6)}


def values(table, optimizer, quantity):
    rows = table[(table["optimizer"] == optimizer) & (table["quantity"] == quantity)]
    return rows.set_index(["seed", "since"])["value"].sort_index()


def test_every_quantity_at_every_snapshot_and_nothing_twice(table):
    assert list(table.columns) == COLUMNS
    assert table["value"].notna().all()
    assert not table.duplicated([name for name in COLUMNS if name != "value"]).any()
    assert (table["iteration"] == ITERATIONS + table["since"]).all()
    assert set(table["context"]) == {2}
    for (_, _, quantity), rows in table.groupby(["optimizer", "seed", "quantity"]):
        if quantity != "line_loss":
            assert sorted(rows["since"]) == [-1, 0, 1, 2, 5, 10, 20, 30]
    assert set(table["quantity"]) == MEASURED | {"line_loss"}


def test_one_gain_for_all_layers_scales_the_curvature_by_its_square(table):
    np.testing.assert_allclose(values(table, "ngm_sgd", "lambda_ratio"), values(table, "ngm_sgd", "gain_squared"), rtol=1e-3)
    assert values(table, "ngm_sgd", "gain_squared").min() > 1.5
    assert values(table, "sgd", "lambda_w").equals(values(table, "sgd", "lambda_eff"))
    np.testing.assert_allclose(
        values(table, "ngm_sgd", "effective_rate"), 0.2 * values(table, "ngm_sgd", "gain_squared"), rtol=1e-5
    )


def test_the_line_begins_and_ends_where_the_run_was(table):
    for optimizer in ("ngm_sgd", "sgd"):
        line, way = values(table, optimizer, "line_loss"), values(table, optimizer, "old_loss")
        for seed in (1, 2):
            np.testing.assert_allclose(line[seed][[0, ITERATIONS]], way[seed][[0, ITERATIONS]], rtol=1e-5)
            assert line[seed].nunique() > 2


def test_the_command_writes_the_same_and_reads_only_its_seeds(folder, table):
    arguments = ["mechanism", str(folder / "ngm_sgd"), "--stream", str(folder / "stream"), "--seeds", "2"]
    result = CliRunner().invoke(commands, [*arguments, "-o", str(folder / "m.csv")], catch_exceptions=False)
    assert result.exit_code == 0
    expected = table[(table["optimizer"] == "ngm_sgd") & (table["seed"] == 2)].reset_index(drop=True)
    pd.testing.assert_frame_equal(files.read_csv(folder / "m.csv"), expected, check_exact=True, check_dtype=False)
