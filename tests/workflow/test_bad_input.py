"""Bad input stops the workflow with one message that names the key or file and the fix, before anything is made."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from real_workflow import Workflow, files_below

Change = Callable[[dict[str, Any]], Any]

BAD_CONFIGURATIONS: dict[str, tuple[Change, str]] = {
    "unknown key": (
        lambda values: values["benchmarks"]["split_digits"].update(batchsize=64),
        "config.yaml: benchmarks.split_digits.batchsize: unknown key. Did you mean 'batch_size'?",
    ),
    "unknown key at the top": (
        lambda values: values.update(thread=2),
        "config.yaml: thread: unknown key. Did you mean 'threads'?",
    ),
    "number that is text": (
        lambda values: values["optimizers"]["sgd"].update(learning_rate="1e-3"),
        "config.yaml: optimizers.sgd.learning_rate: '1e-3' is text to YAML 1.1, not a number; write 0.001",
    ),
    "unknown suite": (
        lambda values: values.update(suite="digts"),
        "config.yaml: suite: no 'digts' under suites. Did you mean 'digits'?",
    ),
    "unknown optimizer in a suite": (
        lambda values: values["suites"]["smoke"].update(optimizers=["sgd", "ngmsgd"]),
        "config.yaml: suites.smoke.optimizers: no 'ngmsgd' under optimizers. Did you mean 'ngm_sgd'?",
    ),
    "unknown benchmark in a suite": (
        lambda values: values["suites"]["smoke"].update(benchmarks=["split_digit_smoke"]),
        "config.yaml: suites.smoke.benchmarks: no 'split_digit_smoke' under benchmarks. Did you mean 'split_digits_smoke'?",
    ),
    "repeated seeds": (
        lambda values: values["suites"]["smoke"].update(seeds=[42, 43, 42]),
        "config.yaml: suites.smoke.seeds: [42] repeated; every seed once",
    ),
    "like of nothing": (
        lambda values: values["benchmarks"]["split_digits_smoke"].update(like="split_digit"),
        "config.yaml: benchmarks.split_digits_smoke.like: no block 'split_digit'. Did you mean 'split_digits'?",
    ),
    "results among the sources": (
        lambda values: values.update(results="workflow/rules"),
        "config.yaml: results: workflow/rules is a folder of the project itself; name another, such as results.",
    ),
    "frontier without rates": (
        lambda values: values["suites"]["smoke"].update(figures=["frontier"]),
        "config.yaml: suites.smoke.reference: figure frontier compares gaps at the accuracy of one rate of a sweep of kind rates",
    ),
    "suite with the name of a shared folder": (
        lambda values: values["suites"].update(streams=values["suites"]["smoke"]),
        "config.yaml: suites.streams: results/streams holds what all suites share; choose another id.",
    ),
    "unknown metric in a table": (
        lambda values: values["tables"].update(mine={"title": "Mine", "metrics": ["avg_ac"]}),
        "config.yaml: tables.mine.metrics: no metric 'avg_ac'. Did you mean 'avg_acc'?",
    ),
    "metrics of two kinds in a table": (
        lambda values: values["tables"].update(mine={"title": "Mine", "metrics": ["avg_acc", "sg_first"]}),
        "config.yaml: tables.mine.metrics: avg_acc is per stream, sg_first is per switch; a table holds metrics of one kind",
    ),
    "more scattered seeds than a name holds": (
        lambda values: (
            values["suites"]["smoke"].update(seeds=list(range(1, 200, 2))),
            values["benchmarks"]["split_digits_smoke"].update(seeds_per_job=100),
        ),
        "config.yaml: suites.smoke.seeds: a job of split_digits_smoke would have 100 scattered seeds, too many for the name of a",
    ),
    "replays on a GPU": (
        lambda values: values.update(suite="mechanism", device="cuda"),
        "config.yaml: suites.mechanism: its figures look into runs by replaying them, to the last bit, which those of a GPU",
    ),
    "replays of a run without that which it follows": (
        lambda values: (
            values.update(suite="mechanism"),
            values["suites"]["mechanism"].update(optimizers=["sgd", "sgd_matched"], reference="sgd"),
        ),
        "config.yaml: suites.mechanism.optimizers: its figures replay runs together with those that they follow; add ngm_sgd.",
    ),
    "results below a file": (
        lambda values: values.update(results="Snakefile/results"),
        "config.yaml: results: cannot write to Snakefile/results: Snakefile is no folder",
    ),
}


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "another encoding": ("# Größe\n".encode("latin-1"), "error: config.yaml is no UTF-8 text (invalid start byte at byte "),
    "nested without end": (b"mine: " + b"[" * 500 + b"]" * 500, "more than 50 blocks within one another; flatten them."),
    "a number of 5,000 digits": (b"threads: " + b"1" * 5000, "error: config.yaml: line "),
    "a value of 5,000 digits": (b"mine: " + b"1" * 5000, "error: config.yaml holds a value that cannot be read: "),
}


@pytest.mark.parametrize("fault", BAD_FILES)
def test_a_file_that_snakemake_itself_fails_on_is_refused(fresh: Workflow, fault: str) -> None:
    content, message = BAD_FILES[fault]
    path = fresh.folder / "config.yaml"
    path.write_bytes(path.read_bytes() + content)
    refused = fresh.snakemake("--dry-run")
    assert refused.returncode != 0
    assert only_error(refused.stdout).startswith("error: config.yaml")
    assert message in only_error(refused.stdout)


@pytest.mark.parametrize("fault", BAD_CONFIGURATIONS)
def test_a_bad_configuration_is_refused(fresh: Workflow, fault: str) -> None:
    change, message = BAD_CONFIGURATIONS[fault]
    fresh.configure(change)
    before = files_but_logs(fresh)
    refused = fresh.snakemake("--cores", "all")
    assert refused.returncode != 0
    assert only_error(refused.stdout).startswith(f"error: {message}")
    assert files_but_logs(fresh) == before


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("suite=digts", "config.yaml: suite: no 'digts' under suites. Did you mean 'digits'?"),
        ("threads=0", "config.yaml: threads: should be greater than 0 (is 0)."),
        ("devise=cpu", "config.yaml: devise: unknown key. Did you mean 'device'?"),
        (
            "optimizers={sgd: {learning_rate: 0.003}}",
            "config.yaml: optimizers.sgd.learning_rate: '0.003' is text; write 0.003 without quotes (on the command line, what "
            "stands within a block is text, so put the block into a file (--configfile)).",
        ),
    ],
)
def test_a_bad_setting_on_the_command_line_is_refused(fresh: Workflow, setting: str, message: str) -> None:
    refused = fresh.snakemake("--cores", "all", "--config", setting)
    assert refused.returncode != 0
    assert only_error(refused.stdout) == f"error: {message}"


def test_a_suite_that_is_not_published_cannot_be_verified(fresh: Workflow) -> None:
    refused = fresh.snakemake("--dry-run", "verify")
    assert refused.returncode != 0
    assert "error: suite smoke is not published, so there is nothing to compare with; published: none." in refused.stdout
    manifest = fresh.folder / "paper_figures/smoke/MANIFEST.json"
    manifest.parent.mkdir(parents=True)
    for content in ("{", "{}", "[]"):
        manifest.write_text(content)
        refused = fresh.snakemake("--dry-run", "verify")
        assert refused.returncode != 0
        assert "error: paper_figures/smoke/MANIFEST.json is damaged" in refused.stdout
        assert "Traceback" not in refused.stdout


def test_a_slash_behind_the_results_folder_is_fine(fresh: Workflow) -> None:
    planned = fresh.snakemake("--dry-run", "--config", "results=out/")
    assert planned.returncode == 0
    assert len(planned.stdout.splitlines()) < 40


def test_a_copy_beside_the_runs_is_no_run(fresh: Workflow) -> None:
    copy = fresh.folder / "results" / "runs" / "split_digits_smoke" / "sgd" / "42-43.bak"
    copy.mkdir(parents=True)
    (copy / "run.json").write_text("{}")
    assert fresh.snakemake("--dry-run").returncode == 0


def test_all_problems_are_told_at_once(fresh: Workflow) -> None:
    def two_faults(values: dict[str, Any]) -> None:
        values["benchmarks"]["split_mnist"].update(batchsize=64)
        values["optimizers"]["adam"].update(learning_rate=-1.0)

    fresh.configure(two_faults)
    error = only_error(fresh.snakemake("--dry-run").stdout)
    assert "benchmarks.split_mnist.batchsize" in error
    assert "optimizers.adam.learning_rate" in error


def test_missing_images_without_a_network_fail_fast_and_clearly(fresh: Workflow) -> None:
    proxy = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy"), "http://127.0.0.1:9")
    failed = fresh.snakemake(
        *("--cores", "all", "results/data/mnist/data.npz", "--config", "suite=mnist", "data_root=nowhere"),
        **proxy,
        no_proxy="",
        NO_PROXY="",
    )
    assert failed.returncode != 0
    message = (fresh.folder / "results/logs/data/mnist.log").read_text(encoding="utf-8").strip()
    assert message.startswith("error: dataset mnist: MNIST: MNIST/raw/train-images-idx3-ubyte.gz is not in data_root (nowhere)")
    assert message.endswith(
        "Set data_root in the configuration to a folder that has it, or connect to the network and run again."
    )
    assert message in failed.stdout
    assert "Traceback" not in failed.stdout
    assert files_below(fresh.folder / "results") == ["logs/data/mnist.log"]
    assert not (fresh.folder / "nowhere").exists() or files_below(fresh.folder / "nowhere") == []


def test_the_command_line_names_a_missing_column(fresh: Workflow, tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "mine.parquet"
    pd.DataFrame({"seed": [1], "iteration": [1], "context": [1], "accuracy": [0.5]}).to_parquet(path)
    names = ("--benchmark", "mine", "--optimizer", "sgd")
    refused = fresh.run("stability-gap", "metrics", str(path), *names, "-o", str(tmp_path / "metrics.parquet"))
    assert refused.returncode == 2
    assert refused.stdout.startswith(f"error: {path} lacks")
    assert "task" in refused.stdout
    assert "Traceback" not in refused.stdout
    assert [file for file in files_below(tmp_path) if not file.startswith("workflow/")] == ["mine.parquet"]


def only_error(output: str) -> str:
    """What follows 'error:', the only part that is not snakemake's announcement of its profile and configuration."""
    assert "Traceback" not in output, output
    lines = [line for line in output.splitlines() if not re.match(r"(Using workflow specific profile|Config file) ", line)]
    return "\n".join(lines)


def files_but_logs(flow: Workflow) -> list[str]:
    """All files of the workflow's folder but snakemake's own log."""
    return [file for file in files_below(flow.folder) if not file.startswith(".snakemake/log/")]
