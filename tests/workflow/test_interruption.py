"""The same bytes whatever --cores says and after a kill; a kill costs the jobs that were running and no others."""

import contextlib
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from real_workflow import FULL, Workflow, counts, digests, jobs_in, new_tiny

PATIENCE = 1200  # seconds until a test gives up waiting; a busy machine can take minutes


def test_a_killed_run_goes_on_where_it_was_and_gives_the_bytes_of_one_core(tmp_path: Path) -> None:
    calm = new_tiny(tmp_path / "calm")
    calm.make("--cores", "1")
    expected = digests(calm)
    assert {"tiny/metrics.parquet", "tiny/claims.csv", "tiny/tables/table1.tex", "tiny/figures/tradeoff.pdf"} <= set(expected)
    assert {f"runs/split_digits_smoke/sgd/{block}/evaluations.parquet" for block in ("42-43", "44")} <= set(expected)

    flow = new_tiny(tmp_path / "workflow")
    output = tmp_path / "output.txt"
    finished = kill_in_training(flow, output)

    folders = [flow.folder / "results/runs" / "/".join(job) for job in finished]
    kept = {path: path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}
    assert len(kept) == 3 * len(finished)

    # A killed snakemake leaves its lock; it says so and names the remedy. No job that was cut off counts as done.
    refused = flow.snakemake("--cores", "all")
    assert refused.returncode != 0
    assert "--unlock" in refused.stdout
    assert "Traceback" not in refused.stdout
    flow.make("--unlock")
    again = flow.make("--cores", "all", *FULL)

    trained = {(job["benchmark"], job["optimizer"], job["seeds"]) for job in jobs_in(again) if job.rule == "train"}
    # A job can end between the last line that snakemake wrote and the kill, so fewer than all others may be left to train.
    assert 1 <= len(trained) <= 4 - len(finished)
    assert trained.isdisjoint(finished)
    assert "dataset" not in counts(jobs_in(again))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert digests(flow) == expected
    assert flow.plan() == []


def kill_in_training(flow: Workflow, output: Path) -> set[tuple[str, str, str]]:
    """Start the workflow, SIGKILL it and all its jobs while one trains and another has finished; the finished ones."""
    with output.open("w") as handle:
        started = subprocess.Popen(
            ["snakemake", "--cores", "all", *FULL],
            cwd=flow.folder,
            env=flow.environment,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = psutil.Process(started.pid)
    try:
        wait_until(lambda: len(finished_training(output)) > 0, started, output)
        wait_until(lambda: len(running_training(process)) > 0, started, output)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [process, *process.children(recursive=True)]
            for member in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            psutil.wait_procs(family, timeout=PATIENCE)
        started.wait()
    finished = finished_training(output)
    assert 1 <= len(finished) <= 3
    return finished


def finished_training(output: Path) -> set[tuple[str, str, str]]:
    """(benchmark, optimizer, seeds) of the training jobs that snakemake has called finished so far."""
    text = output.read_text()
    ids = set(re.findall(r"Finished jobid: (\d+) \(Rule: train\)", text))
    line = r"(?:    .*\n)*?    "
    described = rf"^(?:local)?rule train:\n{line}jobid: (\d+)\n{line}wildcards: benchmark=(\w+), optimizer=(\w+), seeds=([\d-]+)$"
    started = re.findall(described, text, re.MULTILINE)
    return {(benchmark, optimizer, seeds) for job, benchmark, optimizer, seeds in started if job in ids}


def running_training(process: psutil.Process) -> list[int]:
    """Process ids of training jobs below a process."""
    found = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "train" in child.cmdline() and "--seeds" in child.cmdline():
                found.append(child.pid)
    return found


def wait_until(ready: Callable[[], bool], started: "subprocess.Popen[bytes]", output: Path) -> None:
    """Poll; fails where the process ends first or nothing happens."""
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert started.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.02)
