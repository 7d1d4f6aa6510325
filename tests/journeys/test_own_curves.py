"""A researcher has accuracy curves in a CSV file of her own and wants to see them beside runs of this repository.

By hand: `make results`, then, with a file of one column per task, in percent and counted from 0,

    stability-gap compare results/runs/split_digits mine=mine.csv --context-length 200 --percent --count-from 0 -o out

and look at out/tables/table1.md and out/figures/. Here the runs are shorter, trained by the commands of the workflow.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from stability_gap import files

REPOSITORY = Path(__file__).parents[2]
LENGTH = 25  # updates of a context
DIGITS = '{"source": "sklearn_digits", "test_fraction": 0.25, "split_seed": 0}'


def call(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Call `stability-gap` in a process of its own, as one does in a terminal."""
    command = [sys.executable, "-m", "stability_gap.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A folder as a user has it: runs of two optimizers on two tasks of digits, and a file of her own, eight seeds each."""
    folder = tmp_path_factory.mktemp("project")
    assert call(folder, "data", "digits", "--settings", DIGITS, "--data-root", "raw", "-o", "data").returncode == 0
    halves = '{"kind": "split", "classes_per_task": 5}'
    assert call(folder, "stream", "halves", "--settings", halves, "--data", "data", "-o", "stream").returncode == 0
    for optimizer in ("msgd", "ngm_sgd"):
        given = call(folder, "settings", "split_digits_smoke", optimizer, "--config", REPOSITORY / "config.yaml")
        cell = json.loads(given.stdout) | {"benchmark": "halves", "iterations": LENGTH, "batch_size": 64}
        run = ["--stream", "stream", "--seeds", "42-49", "--device", "cpu", "-o", f"results/runs/halves/{optimizer}/42-49"]
        done = call(folder, "train", "--settings", json.dumps(cell), *run)
        assert done.returncode == 0, done.stderr
    theirs = files.read_parquet(folder / "results/runs/halves/ngm_sgd/42-49/evaluations.parquet")
    theirs = theirs.assign(accuracy=90 * theirs["accuracy"], iteration=theirs["iteration"] - 1)
    wide = theirs.pivot_table(index=["seed", "iteration"], columns="task", values="accuracy")
    wide.columns = [f"acc_task{task}" for task in wide.columns]
    wide.reset_index().to_csv(folder / "mine.csv", index=False)
    return folder


def test_the_first_try_is_led_to_the_right_command(project):
    """Each refusal is one sentence that names the option to add."""
    arguments = ["compare", "results/runs/halves", "mine=mine.csv", "-o", "out"]
    for option in (["--percent"], ["--count-from", "0"]):
        refused = call(project, *arguments)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1
        assert " ".join(option) in refused.stderr
        arguments += option
    assert not (project / "out").exists()
    # The columns of later tasks are empty at first: the contexts need no option.
    assert call(project, *arguments).returncode == 0


def test_one_command_shows_everything_side_by_side(project):
    options = ["--context-length", LENGTH, "--percent", "--count-from", "0", "--reference", "ngm_sgd", "-o", "side"]
    done = call(project, "compare", "results/runs/halves", "mine=mine.csv", *options)
    assert done.returncode == 0, done.stderr
    for name in ("mine", "msgd", "ngm_sgd"):
        assert f"| {name} |" in done.stdout
    tests = files.read_csv(project / "side" / "statistics.csv")
    accuracy = tests[(tests["metric"] == "avg_acc") & (tests["optimizer_a"] == "mine") & (tests["optimizer_b"] == "ngm_sgd")]
    assert accuracy["n"].item() == 8  # paired by seed
    assert accuracy["significant"].item()  # a tenth less in every seed
    gap = tests[(tests["metric"] == "avg_sg_first") & (tests["optimizer_a"] == "mine") & (tests["optimizer_b"] == "ngm_sgd")]
    assert gap["mean_difference"].abs().item() < 1e-6  # the same fall, as a fraction
    for figure in ("tradeoff", "curves_halves", "zoom_halves"):
        assert (project / "side" / "figures" / f"{figure}.pdf").exists()
    assert "n = 8 seeds" in (project / "side" / "tables" / "table1.md").read_text(encoding="utf-8")


def test_other_seeds_are_shown_untested_and_it_says_so(project):
    table = pd.read_csv(project / "mine.csv")
    table.assign(seed=table["seed"] + 100).to_csv(project / "others.csv", index=False)
    options = ["--percent", "--count-from", "0", "-o", "unpaired"]
    done = call(project, "compare", "results/runs/halves", "others.csv", *options)
    assert done.returncode == 0, done.stderr
    assert "halves: unpaired, so no test: others" in done.stdout
    tests = files.read_csv(project / "unpaired" / "statistics.csv")
    assert tests.loc[tests["optimizer_b"] == "others", "significant"].sum() == 0
