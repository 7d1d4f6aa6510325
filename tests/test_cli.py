"""The command line: help everywhere, bad input in one message, and the steps of the pipeline one after the other."""

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import torch

from stability_gap import cli, files

CONFIG = """
suite: tiny
datasets:
  digits: {source: sklearn_digits}
benchmarks:
  split_tiny:
    dataset: digits
    stream: {kind: split, classes_per_task: 5}
    iterations: 2
    batch_size: 4
    model: {kind: mlp, hidden: 3}
    gain_eta: 0.25
optimizers:
  ngm_sgd: {method: sgd, learning_rate: 0.1, gain: {}}
suites:
  tiny: {benchmarks: [split_tiny], optimizers: [ngm_sgd], seeds: [1]}
"""

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def command(monkeypatch, capsys):
    """command("settings", ...): run `stability-gap settings ...` in this process; (exit status, stdout, stderr)."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    threads = torch.get_num_threads()

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["stability-gap", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as error:
            status = error.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    yield run
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    torch.set_num_threads(threads)
    if torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(False)


@pytest.fixture
def config_file(tmp_path):
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


def subcommands(group: click.Group, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    names = []
    for name, member in group.commands.items():
        names.append((*prefix, name))
        if isinstance(member, click.Group):
            names += subcommands(member, (*prefix, name))
    return names


def foreign_evaluations() -> pd.DataFrame:
    """Two tasks of three iterations, seeds 1 and 2; task 1 falls from 0.8 to 0.4 after the switch and ends at 0.6."""
    rows = [
        (seed, iteration, 1 if iteration <= 3 else 2, task, accuracy, 0.5)
        for seed in (1, 2)
        for iteration, accuracies in enumerate([[0.5], [0.7], [0.8], [0.4, 0.3], [0.5, 0.6], [0.6, 0.9]], start=1)
        for task, accuracy in enumerate(accuracies, start=1)
    ]
    return pd.DataFrame(rows, columns=["seed", "iteration", "context", "task", "accuracy", "loss"])


def test_every_subcommand_has_help(command):
    names = subcommands(cli.commands)
    assert {("settings",), ("data",), ("stream",), ("train",), ("metrics",), ("statistics",), ("tables",)} < set(names)
    for name in [(), *names]:
        status, printed, _ = command(*name, "--help")
        assert status == 0, name
        usage, described = printed.split("\n\n")[:2]
        assert " ".join(["stability-gap", *name]) in usage, name
        assert described.strip().endswith((".", ")")), f"{name} does not say what it does in a sentence"


def test_settings_of_a_tuned_optimizer_are_those_that_were_selected(command, config_file, tmp_path):
    sweep = {"kind": "tuning", "budget": 2, "seeds": [2], "holdout": {}, "spaces": {"ngm_sgd": {"learning_rate": [0.01, 1.0]}}}
    with config_file.open("a") as file:
        file.write(f"sweeps: {json.dumps({'tuning': sweep})}\n")
    asked = ("settings", "split_tiny", "ngm_sgd_tuned_final", "--config", config_file)
    status, printed, told = command(*asked)
    assert (status, printed) == (2, "")
    assert "--selection results/selections/tuning/split_tiny.json" in told
    status, printed, _ = command("settings", "split_tiny", "ngm_sgd", "--config", config_file)
    selected = json.loads(printed)["optimizer_settings"] | {"learning_rate": 0.5}
    files.write_json(tmp_path / "selected.json", {"ngm_sgd_tuned_final": {"member": "ngm_sgd_tuning_1", "settings": selected}})
    status, printed, _ = command(*asked, "--selection", tmp_path / "selected.json")
    assert status == 0
    assert json.loads(printed)["optimizer_settings"] == selected


def test_the_installed_command_tells_a_user_error_in_one_line_without_traceback(config_file):
    """The one test that starts the program itself."""
    installed = Path(sys.executable).parent / "stability-gap"
    arguments = [installed, "settings", "split_tny", "ngm_sgd", "--config", config_file]
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert finished.stdout == ""
    assert finished.stderr == f"error: {config_file}: no 'split_tny' under benchmarks. Did you mean 'split_tiny'?\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["settings", "split_tiny", "ngm_sdg"], "no 'ngm_sdg' under optimizers. Did you mean 'ngm_sgd'?"),
        (["settings", "a", "b", "--config", "none.yaml"], "none.yaml does not exist"),
        (["data", "digits", "--settings", '{"source": "none"}', "--data-root", "d", "-o", "o"], "no 'none'. Known: image_folder"),
        (["data", "digits", "--settings", "none.json", "--data-root", "d", "-o", "o"], "none.json does not exist"),
        (["stream", "b", "--settings", '{"kind": "split", "classes_per_task": 2}', "--data", "d", "-o", "o"], "data.json"),
        (["train", "--settings", '{"seed": 1}', "--stream", "s", "--seeds", "1", "-o", "o"], "settings: benchmark: missing"),
        (["metrics", "none.parquet"], "none.parquet does not exist"),
        (["figure", "tradeoff", "none.parquet", "-o", "o"], "none.parquet does not exist"),
    ],
)
def test_bad_input_exits_with_status_2_and_says_what_is_wrong(command, config_file, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    status, printed, told = command(*arguments)
    assert status == 2
    assert printed == ""
    assert told.startswith("error: ")
    assert words in told
    assert all(line.startswith("settings: ") for line in told.splitlines()[1:])  # one line per wrong key, else one in all
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]  # nothing half made is left


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["settings", "split_tiny"], "Missing argument 'OPTIMIZER'"),
        (["sttings"], "No such command 'sttings'"),
        (["data", "digits", "--settings", "{1: 2}", "--data-root", "d", "-o", "o"], "not valid JSON"),
        (["data", "digits", "--settings", '{"a": ' * 10_000, "--data-root", "d", "-o", "o"], "not valid JSON: nested too deep"),
        (["data", "digits", "--settings", '{"a": ' + "1" * 5000 + "}", "--data-root", "d", "-o", "o"], "not valid JSON: Exceeds"),
    ],
)
def test_wrong_usage_exits_with_status_2_and_points_to_help(command, arguments, words):
    status, printed, told = command(*arguments)
    assert (status, printed) == (2, "")
    assert words in told
    assert "--help" in told


@pytest.mark.parametrize("content", ["null", "5", "[1]", "[" * 10_000, '"text"'])
def test_settings_in_a_file_that_are_no_block_are_refused(command, tmp_path, content):
    (tmp_path / "settings.json").write_text(content)
    arguments = ["data", "digits", "--settings", tmp_path / "settings.json", "--data-root", "d", "-o", tmp_path / "o"]
    status, _, told = command(*arguments)
    assert status == 2
    assert told.startswith("error: ")
    assert not (tmp_path / "o").exists()


def test_seeds_that_are_none_are_refused_before_anything_is_made(command, config_file, tmp_path):
    _, settings, _ = command("settings", "split_tiny", "ngm_sgd", "--config", config_file)
    status, _, told = command("train", "--settings", settings, "--stream", "s", "--seeds", "x", "-o", tmp_path / "run")
    assert status == 2
    assert told.startswith("error: seeds: 'x' is neither a range")
    assert not (tmp_path / "run").exists()


def test_an_interrupt_while_it_starts_shows_no_traceback(tmp_path):
    (tmp_path / "click.py").write_text("import os, signal\n\nos.kill(os.getpid(), signal.SIGINT)\n", encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), str(Path(cli.__file__).parents[2])])
    asked = ["env", "--default-signal=INT", sys.executable, "-P", "-m", "stability_gap.cli", "--help"]
    done = subprocess.run(asked, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_errors_that_a_full_disk_keeps_out_of_the_log_are_shown(tmp_path):
    asked = [
        "--quiet",
        "--log",
        "/dev/full",
        "metrics",
        str(tmp_path / "nothing.parquet"),
        "-o",
        str(tmp_path / "metrics.parquet"),
    ]
    done = subprocess.run([sys.executable, "-m", "stability_gap.cli", *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: {tmp_path}/nothing.parquet does not exist; run the step that makes it (snakemake {tmp_path}/nothing.parquet)."
    ]


def test_log_holds_what_was_told(command, config_file, tmp_path):
    log = tmp_path / "logs" / "deep" / "settings.log"
    _, _, told = command("--log", log, "settings", "nothing", "ngm_sgd", "--config", config_file)
    assert log.read_text() == told


def test_settings_are_the_resolved_cell(command, config_file):
    status, printed, told = command("settings", "split_tiny", "ngm_sgd", "--config", config_file)
    assert (status, told) == (0, "")
    settings = json.loads(printed)
    assert (settings["benchmark"], settings["optimizer"], settings["iterations"]) == ("split_tiny", "ngm_sgd", 2)
    assert settings["optimizer_settings"]["gain"] == {"g0": 1.0, "gamma": 0.9, "eta": 0.25, "layers": None, "mean_of": None}


def test_the_steps_of_the_pipeline_follow_one_another(command, config_file, tmp_path):
    data, stream, run = tmp_path / "data", tmp_path / "stream", tmp_path / "run"
    results = []
    results.append(command("data", "digits", "--settings", '{"source": "sklearn_digits"}', "--data-root", "no", "-o", data))
    split = '{"kind": "split", "classes_per_task": 5}'
    results.append(command("stream", "split_tiny", "--settings", split, "--data", data, "-o", stream))
    _, settings, _ = command("settings", "split_tiny", "ngm_sgd", "--config", config_file)
    (tmp_path / "cell.json").write_text(settings)
    for given, output in ((settings, run), (tmp_path / "cell.json", tmp_path / "again")):
        results.append(
            command("train", "--settings", given, "--stream", stream, "--seeds", "3-4", "--device", "cpu", "-o", output)
        )
    assert [status for status, _, _ in results] == [0] * 4
    for table in ("evaluations.parquet", "training.parquet"):
        assert files.digest(run / table) == files.digest(tmp_path / "again" / table)
    assert files.read_json(run / "run.json")["settings"] == json.loads(settings)

    outputs = {"-o": tmp_path / "metrics.parquet", "--summary": tmp_path / "s.csv", "--paper": tmp_path / "p.csv"}
    status, printed, _ = command("metrics", run, *[part for pair in outputs.items() for part in pair])
    assert (status, printed) == (0, "")
    assert set(files.read_parquet(outputs["-o"], files.METRICS)["seed"]) == {3, 4}
    assert set(files.read_csv(outputs["--summary"])["optimizer"]) == {"ngm_sgd"}
    assert set(files.read_csv(outputs["--paper"])["benchmark"]) == {"split_tiny"}


def test_metrics_print_a_summary_of_a_foreign_file(command, tmp_path):
    files.write_parquet(tmp_path / "evaluations.parquet", foreign_evaluations())
    status, printed, _ = command("metrics", tmp_path / "evaluations.parquet", "--benchmark", "mine", "--optimizer", "lion")
    assert status == 0
    header, *rows = [line.split() for line in printed.splitlines()]
    assert all(row[:2] == ["mine", "lion"] for row in rows)
    told = {row[header.index("metric")]: (row[header.index("n")], float(row[header.index("mean")])) for row in rows}
    assert told["avg_acc"] == ("2", pytest.approx(0.75))  # (0.6 + 0.9) / 2
    assert told["min_acc"] == ("2", pytest.approx(0.4))
    assert told["avg_sg_previous"] == ("2", pytest.approx(0.5))  # (0.8 - 0.4) / 0.8


def test_metrics_of_a_foreign_file_need_no_name(command, tmp_path):
    files.write_parquet(tmp_path / "evaluations.parquet", foreign_evaluations())
    status, printed, _ = command("metrics", tmp_path / "evaluations.parquet")
    assert status == 0
    assert "avg_acc" in printed


def test_metrics_of_a_diverged_foreign_file_ask_for_the_number_of_classes(command, tmp_path):
    diverged = foreign_evaluations()
    diverged.loc[diverged["seed"] == 2, "accuracy"] = np.nan
    files.write_parquet(tmp_path / "evaluations.parquet", diverged)
    status, _, told = command("metrics", tmp_path / "evaluations.parquet")
    assert status == 2
    assert "classes" in told
    status, printed, _ = command("metrics", tmp_path / "evaluations.parquet", "--classes", "10")
    assert status == 0
    assert "diverged" in printed


def test_names_reach_the_paper_s_convention_too(command, tmp_path):
    files.write_parquet(tmp_path / "evaluations.parquet", foreign_evaluations())
    names = ["--benchmark", "mine", "--optimizer", "lion"]
    status, _, _ = command("metrics", tmp_path / "evaluations.parquet", *names, "--paper", tmp_path / "paper.csv")
    assert status == 0
    paper = files.read_csv(tmp_path / "paper.csv")
    assert set(zip(paper["benchmark"], paper["optimizer"], strict=True)) == {("mine", "lion")}
    assert paper.loc[paper["metric"] == "paper_sg_2", "value"].tolist() == pytest.approx([0.5] * 2)  # (0.8 - 0.4) / 0.8


def test_statistics_ask_what_tasks_bring_and_judge_at_the_level_that_is_given(command, tmp_path):
    folders = []
    for name, offset in (("a", 0.0), ("b", 0.05)):
        table = foreign_evaluations()
        files.write_parquet(tmp_path / name / "evaluations.parquet", table.assign(accuracy=table["accuracy"] + offset))
        folders.append(tmp_path / name)
    metrics = tmp_path / "metrics.parquet"
    assert command("metrics", *folders, "-o", metrics)[0] == 0
    outputs = [part for name in ("statistics", "ranks", "claims") for part in (f"--{name}", tmp_path / f"{name}.csv")]
    status, _, told = command("statistics", metrics, *outputs)
    assert status == 2
    assert "--incremental unnamed=class" in told
    status, _, told = command("statistics", metrics, *outputs, "--incremental", "unnamed=clas")
    assert status == 2
    assert "is not of the form split_digits=class" in told
    status, _, _ = command("statistics", metrics, *outputs, "--incremental", "unnamed=class", "--terms", '{"alpha": 0.6}')
    assert status == 0
    statistics = files.read_csv(tmp_path / "statistics.csv")
    assert set(statistics["alpha"]) == {0.6}
    assert statistics.loc[statistics["metric"] == "avg_acc", "significant"].tolist() == [True]  # p is 0.5 with two seeds


def test_agreement_with_the_published_numbers_and_with_the_authors_seeds(command, tmp_path):
    run, metrics, output, seeds = (tmp_path / name for name in ("run", "metrics.parquet", "agreement.csv", "seeds.csv"))
    files.write_parquet(run / "evaluations.parquet", foreign_evaluations())
    files.write_json(run / "run.json", {"benchmark": "split_mnist", "optimizer": "sgd", "classes": 10})
    assert command("metrics", run, "-o", metrics)[0] == 0
    references = [
        "--reference",
        REPOSITORY / "reference/paper_results.csv",
        "--authors",
        REPOSITORY / "reference/authors_per_seed.csv",
    ]
    status, _, told = command("agreement", metrics, run, *references, "-o", output, "--per-seed", seeds)
    assert (status, told) == (0, "")
    assert set(files.read_csv(output)["optimizer"]) == {"sgd"}
    assert {"accuracy_end", "accuracy_min", "sg_first", "avg_sg_first"} == set(files.read_csv(seeds)["metric"])
    plain = files.read_csv(output)
    files.write_json(run / "run.json", {"benchmark": "split_few", "optimizer": "sgd", "classes": 10})
    assert command("metrics", run, "-o", metrics)[0] == 0
    stand_in = ["--stands-for", "split_few=split_mnist"]
    assert command("agreement", metrics, run, *references, *stand_in, "-o", output, "--per-seed", seeds)[0] == 0
    assert files.read_csv(output).drop(columns="benchmark").equals(plain.drop(columns="benchmark"))
    status, _, told = command("agreement", metrics, run, *references, "--stands-for", "x", "-o", output, "--per-seed", seeds)
    assert (status, "is not of the form split_cifar10_cpu=split_cifar10" in told) == (2, True)
