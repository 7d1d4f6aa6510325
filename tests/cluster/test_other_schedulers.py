"""profiles/generic on a queue that answers as PBS does."""

import os
import signal
import sys
from pathlib import Path

import pytest
from cases import TRAIN, Call, gate, runs
from real_workflow import Workflow, digests

FAKE = Path(__file__).parent / "fake_pbs.py"
ONE_AT_A_TIME_PER_CORE = ("--jobs", "2")  # the queue starts whatever it gets


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a queue whose commands are on the PATH."""
    commands, state = tmp_path / "commands", tmp_path / "queue"
    commands.mkdir()
    state.mkdir()
    for name in ("qsub", "qstat", "qdel"):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE} {name} "$@"\n', encoding="utf-8")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_PBS", str(state))
    return state


def active(queue: Path) -> list[str]:
    """Jobs that run."""
    return sorted(job.stem for job in queue.glob("*.job") if not job.with_suffix(".status").exists())


def waiting_job(call: Call, queue: Path) -> str:
    """The job of seed 43, which is in the middle of its training; the others are over."""
    call.until_43_waits()
    call.wait_until(lambda: len(active(queue)) == 1, "the other jobs are over")
    return active(queue)[0]


def test_a_job_that_the_scheduler_kills_gets_more_memory(queue: Path, case: Workflow, trained: dict[str, str]) -> None:
    closed = gate(case, "closed")
    with Call(case, *TRAIN, *ONE_AT_A_TIME_PER_CORE, profile="profiles/generic") as call:
        os.killpg(int(waiting_job(call, queue)), signal.SIGKILL)
        closed.unlink()
        assert call.end() == 0, call.said()
    asked = sorted(job.read_text().split("mem=")[1].split(":")[0] for job in queue.glob("*.job"))
    assert asked == ["2500mb", "2500mb", "2500mb", "5000mb"]
    assert digests(case) == trained


def test_ctrl_c_deletes_the_jobs(queue: Path, case: Workflow, trained: dict[str, str]) -> None:
    closed = gate(case, "closed")
    with Call(case, *TRAIN, *ONE_AT_A_TIME_PER_CORE, profile="profiles/generic") as first:
        job, kept = waiting_job(first, queue), runs(case)
        os.kill(first.process.pid, signal.SIGINT)
        assert first.end() != 0, first.said()
    assert (queue / f"{job}.status").read_text() == "271\n"
    closed.unlink()
    with Call(case, *TRAIN, *ONE_AT_A_TIME_PER_CORE, profile="profiles/generic") as again:
        assert again.end() == 0, again.said()
    assert {seed: runs(case)[seed] for seed in kept} == kept
    assert digests(case) == trained
