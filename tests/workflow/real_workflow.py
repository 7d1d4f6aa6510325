"""The real workflow, run by the real `snakemake` in a copy of the repository."""

import copy
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "reference", "envs", "src")

FULL = ("--printshellcmds",)  # all that snakemake says, in place of one line per cell

# A cell of the smoke suite in as few jobs as show a matter: 2 optimizers, 3 seeds in 2 blocks -> 4 training jobs, and one figure.
TINY = {
    "benchmarks": ["split_digits_smoke"],
    "optimizers": ["sgd", "ngm_sgd"],
    "seeds": [42, 43, 44],
    "figures": ["tradeoff"],
}


@dataclass(frozen=True)
class Job:
    """A planned or executed job: its rule and wildcards."""

    rule: str
    wildcards: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        return dict(self.wildcards)[name]


@dataclass(frozen=True)
class Workflow:
    """A copy of the workflow with its own configuration, code and results."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """PYTHONPATH precedes the installed package, so the copied code is what runs."""
        scripts = str(Path(sys.executable).parent)
        return os.environ | {
            "PYTHONPATH": str(self.folder / "src"),
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder; stdout and stderr both stand in `stdout`."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
            check=False,
        )

    def snakemake(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("snakemake", *arguments, **environment)

    def make(self, *arguments: str) -> str:
        """What a run of snakemake that must end well prints."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def plan(self, *arguments: str) -> list[Job]:
        """The jobs that snakemake would run now."""
        return jobs_in(self.make("--dry-run", *FULL, *arguments))

    def configure(self, change: Any) -> None:
        """Apply `change` to the parsed config.yaml and write it back."""
        path = self.folder / "config.yaml"
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(values)
        path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")

    def append(self, file: str, text: str) -> None:
        """Edit a text file of the copy."""
        with (self.folder / file).open("a", encoding="utf-8") as handle:
            handle.write(text)

    def duplicate(self, folder: Path) -> "Workflow":
        """The same state in another folder, times of files included."""
        shutil.copytree(self.folder, folder)
        return Workflow(folder)


def new_workflow(folder: Path, **top_level: Any) -> Workflow:
    """A fresh copy of the repository's workflow without results; `top_level` keys replace those of config.yaml."""
    folder.mkdir(parents=True)
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copy2(source, folder / part)
    flow = Workflow(folder)
    flow.configure(lambda values: values.update(device="cpu", **copy.deepcopy(top_level)))
    return flow


def new_tiny(folder: Path) -> Workflow:
    """A fresh copy that makes the suite TINY."""
    flow = new_workflow(folder, suite="tiny")
    flow.configure(lambda values: values["suites"].update(tiny=copy.deepcopy(TINY)))
    return flow


def jobs_in(output: str) -> list[Job]:
    """The jobs that snakemake's output, shown in full, describes, but for the target rule `all`."""
    jobs = []
    for block in re.split(r"\n(?=\[\w{3} \w{3} )", output):
        if match := re.search(r"^(?:local)?rule (\w+):$", block, re.MULTILINE):
            described = re.search(r"^    wildcards: (.+)$", block, re.MULTILINE)
            wildcards = [tuple(each.split("=", 1)) for each in described[1].split(", ")] if described else []
            jobs.append(Job(match[1], tuple(sorted(wildcards))))
    return [job for job in jobs if job.rule != "all"]


def counts(jobs: list[Job]) -> dict[str, int]:
    """Number of jobs per rule."""
    return dict(Counter(job.rule for job in jobs))


def files_below(folder: Path) -> list[str]:
    """All files below a folder, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def digests(flow: Workflow) -> dict[str, str]:
    """sha256 of every result that must not depend on time, machine or order: all but logs and run.json."""
    folder = flow.folder / "results"
    names = [name for name in files_below(folder) if "logs/" not in name and not name.endswith("run.json")]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
