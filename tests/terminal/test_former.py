"""Former times, read from logs and from a published MANIFEST."""

import json
from pathlib import Path

import pytest

from stability_gap import config as configuration
from stability_gap.config import Config
from stability_gap.terminal.estimate import STARTING, Job
from stability_gap.terminal.former import former_here, former_published
from stability_gap.terminal.planned import planned
from stability_gap.terminal.suite import Suite

HEADER = "s\th:m:s\tmax_rss\n"
CELL = ("split_digits_smoke", "sgd")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The shipped configuration, with results of its own."""
    values = {**configuration.read("config.yaml"), "suite": "smoke"}
    return configuration.resolve(values).model_copy(update={"results": str(tmp_path)})


def measured(folder: Path, name: str, seconds: float) -> None:
    path = folder / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{seconds}\t0:00:01\t100\n", encoding="utf-8")


def test_jobs_are_read_from_their_benchmark_files(config: Config, tmp_path: Path) -> None:
    measured(tmp_path, "logs/train/split_digits_smoke/sgd/42-43", STARTING + 4)
    measured(tmp_path, "logs/train/nobody/sgd/42-43", 9)
    measured(tmp_path, "logs/data/digits", 3)
    measured(tmp_path, "smoke/logs/metrics", 7)
    measured(tmp_path, "smoke/logs/zoom_split_digits_smoke", 11)
    measured(tmp_path, "smoke/logs/mechanism_split_digits_smoke", 13)
    measured(tmp_path, "logs/selections/tuning/split_digits_smoke", 15)
    (tmp_path / "smoke" / "figures").mkdir()
    (tmp_path / "smoke" / "figures" / "zoom_split_digits_smoke.svg").touch()
    found = former_here(config, {})
    assert found.cells == {CELL: [4, 2]}
    assert found.kinds == {
        "dataset": [3, 1],
        "metrics": [7, 1],
        "figure": [11, 1],
        "mechanism_of_benchmark": [13, 1],
        "selection": [15, 1],
    }


def test_runs_of_other_settings_and_cut_files_do_not_count(config: Config, tmp_path: Path) -> None:
    for block, settings in {"42": config.cell(*CELL).model_dump(mode="json"), "43": {"iterations": 7}}.items():
        measured(tmp_path, f"logs/train/split_digits_smoke/sgd/{block}", STARTING + int(block))
        run = tmp_path / "runs" / "split_digits_smoke" / "sgd" / block / "run.json"
        run.parent.mkdir(parents=True)
        run.write_text(json.dumps({"settings": settings}), encoding="utf-8")
    (tmp_path / "logs/train/split_digits_smoke/sgd/44.tsv").write_text(HEADER, encoding="utf-8")
    assert former_here(config, {}).cells == {CELL: [42, 1]}


def test_published_runs_count_where_the_settings_are_the_same(config: Config, tmp_path: Path) -> None:
    same = config.benchmarks["split_digits_smoke"].model_dump(mode="json")
    del same["stands_for"]  # a key that is younger than what was published
    other = {**config.benchmarks["rotated_digits_smoke"].model_dump(mode="json"), "iterations": 7}
    cells = {name: {"sgd": {"runs": 10, "seconds": STARTING + 30}} for name in ("split_digits_smoke", "rotated_digits_smoke")}
    manifest = {"config": {"benchmarks": {"split_digits_smoke": same, "rotated_digits_smoke": other}}, "costs": {"cells": cells}}
    (tmp_path / "new.json").write_text(json.dumps(manifest), encoding="utf-8")
    (tmp_path / "old.json").write_text(json.dumps({"config": manifest["config"]}), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    found = former_published(config, {}, [tmp_path / name for name in ("old.json", "broken.json", "gone.json", "new.json")])
    assert found.cells == {CELL: [30, 10]}


def test_a_dry_run_is_summed_up(config: Config, tmp_path: Path) -> None:
    measured(tmp_path, "logs/train/split_digits_smoke/sgd/42-43", STARTING + 20)
    suite = Suite(config, cores=1, gpus=None, manifests=[])
    names = {"benchmark": CELL[0], "optimizer": CELL[1]}
    missing = "Missing output files: results/a, results/b; Input files updated by another job: c"
    changed = "Code has changed since last execution"
    told = [
        {"jobid": 1, "rule_name": "train", "wildcards": {**names, "seeds": "42-43"}, "reason": missing},
        {"jobid": 2, "rule_name": "train", "wildcards": {**names, "seeds": "44"}, "reason": changed},
        {"jobid": 3, "rule_name": "metrics", "wildcards": {}, "reason": "Forced execution"},
        {"jobid": 4, "rule_name": "all", "wildcards": {}, "reason": "Rules with neither"},
    ]
    lines = planned(suite, told)
    assert lines[0] == "To do for suite smoke: 3 jobs."
    assert lines[1] == "     2  train (3 runs): 1 × missing output files, 1 × code has changed"
    assert lines[2] == "     1  metrics: forced execution"
    assert lines[3] == "About 39 s on 1 core, as former runs took."  # 2 × 2 s to start, 3 runs of 10 s, 5 s for metrics


def test_jobs_are_named_by_cell_and_seeds(config: Config) -> None:
    suite = Suite(config, cores=2, gpus=1, manifests=[])
    assert suite.job("train", {"benchmark": "a", "optimizer": "b", "seeds": "42-44"}) == Job(
        "train", "a b, seeds 42-44", ("a", "b"), seeds=3, threads=1, gpus=1
    )
    assert suite.job("figure_of_benchmark", {"kind": "zoom", "benchmark": "a"}).name == "figure_of_benchmark zoom a"
