"""Kills at random points: the same call goes on where it was, to the same bytes, and makes nothing again that was finished."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from projects import WORK, call_again, differences, finished_outputs, remove
from real_workflow import FULL, Workflow, digests

PATIENCE = 600  # seconds until a test gives up waiting; a busy machine can take minutes
TRIALS = 10
LONGEST = 3.0  # seconds after a line of snakemake's: jobs take about as long


def everything(started: "subprocess.Popen[bytes]", family: list[psutil.Process]) -> None:
    """SIGKILL of snakemake and all its jobs: a machine that goes down."""
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


def snakemake_alone(started: "subprocess.Popen[bytes]", family: list[psutil.Process]) -> None:
    """SIGKILL of snakemake; its jobs go on and write while the next call makes the same."""
    started.kill()


def one_job(started: "subprocess.Popen[bytes]", family: list[psutil.Process]) -> None:
    """SIGKILL of the jobs that run; what happens where memory runs out."""
    everything(started, family[1:])


def terminate(started: "subprocess.Popen[bytes]", family: list[psutil.Process]) -> None:
    """SIGTERM of snakemake, as `kill` and batch systems send it."""
    started.terminate()


def interrupt(started: "subprocess.Popen[bytes]", family: list[psutil.Process]) -> None:
    """SIGINT of all processes, as Ctrl-C sends it."""
    os.killpg(started.pid, signal.SIGINT)


KILLS: dict[str, tuple[Callable[..., None], int]] = {
    "SIGKILL, snakemake and its jobs": (everything, TRIALS // 2),
    "SIGKILL, snakemake alone": (snakemake_alone, TRIALS // 2),
    "SIGKILL, the running jobs": (one_job, TRIALS // 2),
    "SIGTERM": (terminate, TRIALS),
    "SIGINT": (interrupt, TRIALS),
}


@pytest.mark.parametrize(("kind", "number"), [(kind, number) for kind, (_, often) in KILLS.items() for number in range(often)])
def test_a_kill_costs_what_was_running_and_nothing_else(finished, right, seed, tally, tmp_path, kind, number):
    chance = random.Random(f"{seed} {kind} {number}")
    work = chance.choice(list(WORK))
    call = ("--cores", "2", *FULL, *remove(finished, work))
    output = tmp_path / "output.txt"
    # A line of its output, and so long after it: equally likely in every job, not in proportion to its time.
    line, delay = chance.randrange(5, 110 if work == "pages" else 70), chance.uniform(0, LONGEST)
    print(f"{kind} {number}: making {work}, {delay:.2f} s after line {line}")

    before = digests(finished)
    assert set(before) < set(right)
    struck = strike(finished, call, output, line, delay, KILLS[kind][0])
    said = output.read_text(encoding="utf-8")
    print(said)
    done = finished_outputs(said)
    kept = {name: os.stat(finished.folder / name).st_mtime_ns for name in done}
    again, locked = call_again(finished, *call)
    for orphan in struck:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.wait(PATIENCE)

    wrong = differences(digests(finished), right)
    remade = [name for name in done if os.stat(finished.folder / name).st_mtime_ns != kept[name]]
    tally.count(kind, survived=not wrong, lost=len({*wrong, *remade}))
    print(f"{len(done)} files of finished jobs, {len(struck)} processes of jobs hit, lock left: {locked}")
    assert wrong == [], again
    assert remade == [], again
    assert not list(finished.folder.glob("results/**/.*.tmp*")) or "SIGKILL" in kind
    assert locked <= ("SIGKILL, snakemake" in kind), "only a kill that nobody can catch may leave a lock"
    assert "Traceback" not in said or "stability_gap/" not in said  # python's own start shows one, ours does not


def strike(flow: Workflow, call: tuple[str, ...], output: Path, line: int, delay: float, kill: Callable[..., None]):
    """Start a call, wait for a line of its output and some time, kill; the jobs that were hit, once snakemake has ended."""
    with output.open("wb") as handle:
        started = subprocess.Popen(
            ["env", "--default-signal=INT", "snakemake", *call],  # a shell has those behind & ignore it
            cwd=flow.folder,
            env=flow.environment,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + PATIENCE
    family: list[psutil.Process] = []
    try:
        while started.poll() is None and output.read_bytes().count(b"\n") < line:
            assert time.monotonic() < deadline, output.read_text(encoding="utf-8")
            time.sleep(0.02)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(delay)  # the random point; a call that ends before it is one more case
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [psutil.Process(started.pid), *psutil.Process(started.pid).children(recursive=True)]
        if started.poll() is None:
            kill(started, family)
        started.wait(PATIENCE)
    finally:
        if started.poll() is None:
            everything(started, family)
            started.wait()
    return family[1:]
