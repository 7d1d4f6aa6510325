"""A workflow of three training jobs (seeds 42, 43, 44 of one cell) that tests stop, break and call again."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from daemons import wait_until
from real_workflow import FULL, Workflow, new_workflow

HERE = Path(__file__).parent
SEEDS = (42, 43, 44)
CELL = "results/runs/split_digits_smoke/sgd"
TRAIN = ("--until", "train")
# Options that make tests quick: the profile is for jobs of minutes. The node has two CPUs.
QUICK = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5", "--cores", "2")
PATIENCE = 1800  # seconds until a test gives up; a busy machine can take many minutes


def new_case(folder: Path) -> Workflow:
    """The workflow with its data and stream made, so that only training is left."""
    flow = new_workflow(folder, suite="case", extensions={"watchers": ["gate:Gate"]})

    def change(values):
        values["benchmarks"]["split_digits_smoke"]["seeds_per_job"] = 1
        values["suites"]["case"] = {"benchmarks": ["split_digits_smoke"], "optimizers": ["sgd"], "seeds": list(SEEDS)}

    flow.configure(change)
    (folder / "gate.py").write_text((HERE / "gate.py").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "gate").mkdir()
    flow.make("--cores", "2", "--until", "stream")
    return flow


def runs(flow: Workflow) -> dict[int, int]:
    """Finished seeds with the time of their files, which tells a kept run from a repeated one."""
    found = {seed: flow.folder / CELL / str(seed) / "run.json" for seed in SEEDS}
    return {seed: path.stat().st_mtime_ns for seed, path in found.items() if path.exists()}


class Call:
    """A call of snakemake with a profile, in the background."""

    def __init__(self, flow: Workflow, *options: str, profile: str = "profiles/slurm") -> None:
        self.flow = flow
        self.output = flow.folder / "output.txt"
        quick = QUICK if profile == "profiles/slurm" else QUICK[2:]
        # A shell has those behind & ignore SIGINT, and what they start with them.
        command = ["env", "--default-signal=INT", "snakemake", "--workflow-profile", profile, *quick, *FULL, *options]
        with self.output.open("w") as out:
            self.process = subprocess.Popen(
                command, cwd=flow.folder, env=flow.environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition while snakemake runs."""
        wait_until(lambda: self.process.poll() is not None or condition(), what, PATIENCE)
        assert condition(), f"snakemake ended before {what}:\n{self.said()}"

    def until_43_waits(self) -> None:
        """Wait until seed 43 is in the middle of its training and the other runs are there.

        Snakemake must have seen that: it touches the files of a job when it hears that the job is over.
        """
        reached = self.flow.folder / "gate" / "reached_43"
        self.wait_until(lambda: reached.exists() and set(runs(self.flow)) == {42, 44}, "seed 43 waits at the gate")
        self.wait_until(lambda: self.said().count("Finished jobid: ") == 2, "snakemake knows of the others")

    def end(self) -> int:
        """The exit status."""
        wait_until(lambda: self.process.poll() is not None, "snakemake ends", PATIENCE)
        return self.process.returncode

    def said(self) -> str:
        """What snakemake printed."""
        return self.output.read_text()


def gate(flow: Workflow, what: str, seed: int = 43) -> Path:
    """Tell the gate what to do to a seed."""
    path = flow.folder / "gate" / f"{what}_{seed}"
    path.touch()
    return path
