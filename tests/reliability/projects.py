"""Small projects, what they leave, and calls of snakemake that may be refused."""

import copy
import hashlib
import re
import subprocess
from pathlib import Path

from real_workflow import Workflow, files_below, new_workflow

# One benchmark, 2 optimizers, 3 seeds in 2 blocks, one figure: 12 jobs, of every kind but one.
SMALL = {
    "benchmarks": ["split_digits_smoke"],
    "optimizers": ["sgd", "ngm_sgd"],
    "seeds": [42, 43, 44],
    "figures": ["tradeoff"],
}
PARQUET = "results/runs/split_digits_smoke/{optimizer}/{seeds}/{file}"


def new_small(folder: Path) -> Workflow:
    """A fresh copy that makes the suite SMALL."""
    flow = new_workflow(folder, suite="small")
    flow.configure(lambda values: values["suites"].update(small=copy.deepcopy(SMALL)))
    return flow


def digests(flow: Workflow) -> dict[str, str]:
    """sha256 of every result that must not depend on time, machine or order: all but logs and run.json."""
    folder = flow.folder / "results"
    names = [name for name in files_below(folder) if "logs/" not in name and not name.endswith("run.json")]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


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
    """The errors of a call that failed, each one line; it fails where somebody is shown a traceback."""
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    found = re.findall(r"^\s*(?:error|WorkflowError|LockException|OSError)?:? ?.*$", done.stdout, re.MULTILINE)
    return [line.strip() for line in found if re.search(r"\berror: ", line)]
