"""A job that is cancelled, killed or loses its node costs itself and nothing else, and another call makes what is missing."""

import os
import signal

from cases import TRAIN, Call, gate, runs
from daemons import wait_until
from private_slurm import PrivateSlurm
from real_workflow import Workflow, digests

ACCOUNTING = False
GROUPED = ("--groups", "train=runs_{benchmark}", "--group-components", "runs_{benchmark}=10")


def waiting_job(call: Call, slurm: PrivateSlurm) -> str:
    """The job of seed 43, which is in the middle of its training; the others are over."""
    call.until_43_waits()
    call.wait_until(lambda: len(slurm.active()) == 1, "the other jobs are over")
    return slurm.active().pop()


def call_again(flow: Workflow, slurm: PrivateSlurm, kept: dict[int, int], trained: dict[str, str]) -> None:
    """A second call trains what is missing and nothing else; all is as if nothing had happened."""
    before = slurm.entries()
    with Call(flow, *TRAIN) as again:
        assert again.end() == 0, again.said()
    assert slurm.entries() == before + 3 - len(kept)
    assert {seed: time for seed, time in runs(flow).items() if seed in kept} == kept
    assert digests(flow) == trained


def test_a_job_cancelled_in_training(slurm: PrivateSlurm, case: Workflow, trained: dict[str, str]) -> None:
    closed = gate(case, "closed")
    with Call(case, *TRAIN, "--retries", "0") as first:
        job, kept = waiting_job(first, slurm), runs(case)
        slurm.ask("scancel", job)
        assert first.end() == 1, first.said()
    assert slurm.states()[job] == "CANCELLED"
    assert runs(case) == kept
    closed.unlink()
    call_again(case, slurm, kept, trained)


def test_ctrl_c_cancels_the_jobs(slurm: PrivateSlurm, case: Workflow, trained: dict[str, str]) -> None:
    closed = gate(case, "closed")
    with Call(case, *TRAIN) as first:
        job, kept = waiting_job(first, slurm), runs(case)
        os.kill(first.process.pid, signal.SIGINT)
        assert first.end() != 0, first.said()
    wait_until(lambda: slurm.states()[job] == "CANCELLED", f"job {job} is cancelled", 60)
    closed.unlink()
    call_again(case, slurm, kept, trained)


def test_a_node_set_down_and_resumed(slurm: PrivateSlurm, case: Workflow, trained: dict[str, str]) -> None:
    closed = gate(case, "closed")
    with Call(case, *TRAIN) as first:
        job, kept = waiting_job(first, slurm), runs(case)
        slurm.node_down()
        wait_until(lambda: slurm.states()[job] == "PENDING", f"job {job} is queued again", 60)
        closed.unlink()
        slurm.node_up()
        slurm.start_now(job)
        assert first.end() == 0, first.said()
    assert {seed: runs(case)[seed] for seed in kept} == kept
    call_again(case, slurm, runs(case), trained)


def test_a_job_killed_for_memory_gets_more(slurm: PrivateSlurm, case: Workflow, trained: dict[str, str]) -> None:
    gate(case, "hungry")
    before = set(slurm.states())
    with Call(case, *TRAIN, "--set-resources", "train:mem_mb=1500*attempt") as first:
        assert first.end() == 0, first.said()
    jobs = {job: (state, slurm.memory_asked(job)) for job, state in slurm.states().items() if job not in before}
    assert sorted(jobs.values()) == [("COMPLETED", 1500), ("COMPLETED", 1500), ("COMPLETED", 3000), ("FAILED", 1500)]
    assert digests(case) == trained


def test_a_failing_run_takes_its_group_with_it(slurm: PrivateSlurm, case: Workflow, trained: dict[str, str]) -> None:
    """Snakemake removes what the others of the group made, so only short jobs are grouped; a second call makes them all."""
    broken = gate(case, "broken")
    before = slurm.entries()
    with Call(case, *TRAIN, *GROUPED, "--retries", "0") as first:
        assert first.end() == 1, first.said()
    assert slurm.entries() == before + 1
    assert runs(case) == {}
    broken.unlink()
    with Call(case, *TRAIN, *GROUPED) as again:
        assert again.end() == 0, again.said()
    assert slurm.entries() == before + 2
    assert digests(case) == trained
