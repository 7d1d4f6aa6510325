"""Small projects, what they leave, and calls of snakemake that may be refused."""

import copy
import re
import shutil
import subprocess
from pathlib import Path

from real_workflow import TINY, Workflow, new_workflow

# What is made again in a trial: folders and files that are removed, and what is asked for. Each takes 2 to 4 jobs.
RUNS, METRICS = "results/runs/split_digits_smoke", "results/small/metrics.parquet"
WORK = {
    "images": (["results/data", "results/streams"], ["results/streams/split_digits_smoke/stream.npz"]),
    "two runs": ([f"{RUNS}/sgd/44", f"{RUNS}/ngm_sgd/42-43", METRICS], [METRICS]),
    "two more": ([f"{RUNS}/sgd/42-43", f"{RUNS}/ngm_sgd/44", METRICS], [METRICS]),
    "analysis": (
        [METRICS, "results/small/statistics.csv", "results/small/agreement.csv"],
        ["results/small/statistics.csv", "results/small/agreement.csv"],
    ),
    "pages": (["results/small/tables", "results/small/figures", "results/small/report.html"], []),
}


def new_small(folder: Path) -> Workflow:
    """A fresh copy that makes the suite TINY under the name `small`: 12 jobs, of every kind but one."""
    flow = new_workflow(folder, suite="small")
    flow.configure(lambda values: values["suites"].update(small=copy.deepcopy(TINY)))
    return flow


def remove(flow: Workflow, work: str) -> list[str]:
    """Remove some results; what to ask for, so that they and little else are made again."""
    removed, targets = WORK[work]
    for path in removed:
        place = flow.folder / path
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    return targets


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """Names of files that are missing, too many or of other bytes."""
    return sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))


def call_again(flow: Workflow, *arguments: str) -> tuple[str, bool]:
    """The same call until it ends well, as a user would: what it prints, and whether it asked for --unlock first."""
    done = flow.snakemake(*arguments)
    locked = done.returncode != 0 and "--unlock" in done.stdout
    if locked:
        assert "Traceback" not in done.stdout, done.stdout
        flow.make("--unlock")
        done = flow.snakemake(*arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout, locked


def clear_errors(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """The lines that tell of errors in a call that failed; fails where anybody is shown a traceback."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return [line.strip() for line in done.stdout.splitlines() if line.strip().startswith("error: ")]


def finished_outputs(said: str) -> list[str]:
    """Files of the jobs that snakemake has called finished."""
    ids = set(re.findall(r"^Finished jobid: (\d+) ", said, re.MULTILINE))
    described = re.findall(r"^    output: (.+)\n(?:    .*\n)*?    jobid: (\d+)$", said, re.MULTILINE)
    return [name for names, job in described if job in ids for name in names.split(", ")]
