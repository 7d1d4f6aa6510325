"""Slurm with accounting, asked by sacct, with training as job arrays."""

from cases import TRAIN, Call, gate, runs
from private_slurm import PrivateSlurm
from real_workflow import Workflow, digests

ACCOUNTING = True
ACCOUNT = ("--default-resources", "slurm_account=lab", "slurm_partition=main", "runtime=20", "mem_mb=2000")
OPTIONS = ("--slurm-status-command", "sacct", "--slurm-array-jobs", "train", *ACCOUNT)


def test_the_smoke_suite(slurm: PrivateSlurm, smoke: Workflow, smoke_digests: dict[str, str]) -> None:
    """Twelve training jobs are one array: inputs, array, numbers, and what is shown."""
    with Call(smoke, *OPTIONS) as call:
        assert call.end() == 0, call.said()
    assert slurm.entries() == 4
    assert "lab" in slurm.ask("sacct", "--allocations", "--noheader", "--format=Account", "--starttime=now-1hours")
    assert digests(smoke) == smoke_digests


def test_a_failing_task_of_an_array_is_mended_by_a_second_call(
    slurm: PrivateSlurm, case: Workflow, trained: dict[str, str]
) -> None:
    """The failed task may remove the first task's results as well (docs/cluster.md), so no more than this is promised."""
    broken = gate(case, "broken")
    before = slurm.entries()
    with Call(case, *TRAIN, *OPTIONS, "--retries", "0") as first:
        assert first.end() == 1, first.said()
    assert 43 not in runs(case)
    assert slurm.entries() == before + 1
    broken.unlink()
    with Call(case, *TRAIN, *OPTIONS) as again:
        assert again.end() == 0, again.said()
    assert digests(case) == trained
