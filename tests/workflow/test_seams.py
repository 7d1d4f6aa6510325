"""What a stranger adds is one block, or one block and one file: the examples of docs/adding.md, in one project, for real."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from real_workflow import REPOSITORY, Workflow, counts, new_workflow

PAGE = (REPOSITORY / "docs" / "adding.md").read_text(encoding="utf-8")
FILES = ["my_optimizers.py", "my_metrics.py", "lost_and_won.py", "my_watchers.py"]
BLOCKS = ["my_metrics.yaml", "lost_and_won.yaml", "matched.yaml", "sign_sgd.yaml", "watched.yaml"]
SUITE = """
suite: seams
suites:
  seams:
    benchmarks: [split_digits_smoke]
    optimizers: [ngm_sgd, sgd_follows, sign_sgd]
    seeds: [42, 43, 44]
"""


def example(name: str) -> str:
    """The fenced block of docs/adding.md that is named `name`."""
    (code,) = re.findall(rf"^```\w+\n# docs/adding.md: {re.escape(name)}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return code


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A project with one addition of every kind, made; nothing of the shipped code or configuration is edited."""
    flow = new_workflow(tmp_path_factory.mktemp("seams") / "workflow")
    for name in (*FILES, *BLOCKS):
        (flow.folder / name).write_text(example(name), encoding="utf-8")
    (flow.folder / "suite.yaml").write_text(SUITE, encoding="utf-8")
    flow.make("--cores", "all", "--configfile", *BLOCKS, "suite.yaml")
    return flow


def made(project: Workflow) -> Path:
    return project.folder / "results" / "seams"


def test_an_optimizer_is_one_block_and_one_file(project):
    numbers = pd.read_csv(made(project) / "tables" / "table1.csv")
    assert {"ngm_sgd", "sgd_follows", "sign_sgd"} == set(numbers["optimizer"])
    assert "SGD at the rate of NGM-SGD" in (made(project) / "tables" / "table1.md").read_text(encoding="utf-8")


def test_a_metric_is_one_file_and_in_all_tables(project):
    metrics = pd.read_parquet(made(project) / "metrics.parquet")
    summary, statistics = (pd.read_csv(made(project) / f"{name}.csv") for name in ("summary", "statistics"))
    ranks = pd.read_csv(made(project) / "ranks.csv")
    for name in ("max_sg", "depth"):
        assert name in set(metrics["metric"])
        assert name in set(summary["metric"])
    assert "max_sg" in set(statistics["metric"])
    assert "max_sg" in set(ranks["metric"])
    table = (made(project) / "tables" / "depths.md").read_text(encoding="utf-8")
    assert "How deep task 1 falls" in table
    assert "max-SG" in table


def test_a_figure_is_one_file(project):
    for suffix in ("svg", "pdf", "png"):
        assert (made(project) / "figures" / f"lost_and_won.{suffix}").stat().st_size > 1000


def test_a_learning_rate_read_from_another_run_is_one_block(project):
    runs = project.folder / "results" / "runs" / "split_digits_smoke"
    for seeds in ("42-43", "44"):
        donor, own = (pd.read_parquet(runs / name / seeds / "training.parquet") for name in ("ngm_sgd", "sgd_follows"))
        expected = donor["learning_rate"] * donor["gain_output"] ** 2
        np.testing.assert_allclose(own["learning_rate"], expected, rtol=1e-6)
        assert own["learning_rate"].nunique() > 10


def test_a_watcher_is_one_file(project):
    folder = project.folder / "results" / "runs" / "split_digits_smoke" / "ngm_sgd" / "42-43"
    with np.load(folder / "weights_42.npz") as kept:
        assert len(kept.files) == 3 * 4  # layers × switches


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        ("my_optimizers.py", {"train": 2}),  # the cells of sign_sgd alone
        ("lost_and_won.py", {"figure_of_suite": 1}),
    ],
)
def test_an_edited_file_is_made_anew_where_it_counts(project, tmp_path, edited, expected):
    flow = project.duplicate(tmp_path / "copy")
    flow.append(edited, "\n# edited\n")
    planned = counts(flow.plan("--configfile", *BLOCKS, "suite.yaml"))
    assert expected.items() <= planned.items()
    assert planned.get("train", 0) == expected.get("train", 0)


def test_a_run_that_is_followed_is_made_first_and_again_when_it_changes(project, tmp_path):
    flow = project.duplicate(tmp_path / "copy")
    flow.append("suite.yaml", "\noptimizers: {ngm_sgd: {learning_rate: 0.02}}\n")
    trained = [job["optimizer"] for job in flow.plan("--configfile", *BLOCKS, "suite.yaml") if job.rule == "train"]
    assert trained.count("ngm_sgd") == 2
    assert trained.count("sgd_follows") == 2
    assert trained.index("ngm_sgd") < trained.index("sgd_follows")
    assert "sign_sgd" not in trained


def test_what_follows_each_other_in_a_circle_is_refused_before_anything_is_made(fresh):
    fresh.configure(
        lambda values: values["optimizers"].update(
            a={"method": "sgd", "learning_rate": {"kind": "run", "optimizer": "b"}},
            b={"method": "sgd", "learning_rate": {"kind": "run", "optimizer": "a"}},
        )
    )
    done = fresh.snakemake("--dry-run")
    assert done.returncode == 1
    assert "circle" in done.stdout
    assert "Traceback" not in done.stdout
