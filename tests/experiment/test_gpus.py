"""Jobs on one machine with several GPUs each hold one. The GPUs are pretended; jobs are processes, as they are in earnest."""

import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from stability_gap.experiment import gpus

JOB = """
import sys, types, torch
from pathlib import Path
from stability_gap.experiment.gpus import claim_gpu
torch.cuda.device_count = lambda: int(sys.argv[2])
torch.cuda.get_device_properties = lambda index: types.SimpleNamespace(uuid=f"uuid-{index}", major=8, minor=0)
torch.cuda.get_arch_list = lambda: ["sm_80"]
print(claim_gpu(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def pretend(monkeypatch, capabilities):
    """A machine with GPUs of these compute capabilities; None: one that no process may use."""

    def properties(index: int) -> SimpleNamespace:
        if capabilities[index] is None:
            raise AssertionError("Invalid device id")
        major, minor = capabilities[index]
        return SimpleNamespace(uuid=f"uuid-{index}", major=major, minor=minor)

    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90"])


@pytest.fixture
def job(tmp_path):
    """job(): starts a job on a machine with two GPUs and returns it with the GPU that it holds."""
    started: list[subprocess.Popen] = []

    def start(count: int = 2) -> tuple[subprocess.Popen, int]:
        command = [sys.executable, "-c", JOB, str(tmp_path / "locks"), str(count)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1], int(started[-1].stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_each_job_holds_a_gpu_until_it_ends_however_it_ends(job):
    (first, of_first), (second, of_second) = job(), job()
    assert (of_first, of_second) == (0, 1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    _, of_third = job()
    assert of_third == 0
    second.stdin.close()  # ends by itself
    second.wait()
    assert job()[1] == 1


def test_where_all_are_held_one_is_shared_and_the_log_says_how_not_to(monkeypatch, job, tmp_path, caplog):
    job(), job()
    pretend(monkeypatch, [(8, 0), (8, 0)])
    assert gpus.claim_gpu(tmp_path / "locks") in (0, 1)
    assert caplog.messages == ["all GPUs (2) are in use by other jobs: sharing one. Give snakemake --resources gpu=2."]


def test_that_two_jobs_share_a_single_gpu_is_told(monkeypatch, job, tmp_path, caplog):
    """As where two workflows run at once; jobs of Slurm see each the GPU that it was given."""
    assert job(1)[1] == 0
    pretend(monkeypatch, [(8, 0)])
    assert gpus.claim_gpu(tmp_path / "locks") == 0
    assert caplog.messages == ["all GPUs (1) are in use by other jobs: sharing one. Give snakemake --resources gpu=1."]


def test_what_the_driver_counts_and_no_process_may_use_is_passed_over(monkeypatch, tmp_path):
    """As with several cards that are cut into parts (MIG)."""
    pretend(monkeypatch, [None, (8, 0), None])
    assert gpus.claim_gpu(tmp_path / "locks") == 1


def test_a_card_without_kernels_is_passed_over_and_nothing_is_claimed_where_all_are(monkeypatch, tmp_path):
    """torch counts old cards too; the first kernel on one would fail."""
    pretend(monkeypatch, [(7, 0), (9, 0)])
    assert gpus.claim_gpu(tmp_path / "locks") == 1
    pretend(monkeypatch, [(7, 0), None])
    assert gpus.claim_gpu(tmp_path / "locks") is None


@pytest.mark.parametrize(
    ("built", "capability", "expected"),
    [
        (["sm_75", "sm_80", "sm_120"], (7, 0), False),
        (["sm_75", "sm_80", "sm_120"], (7, 5), True),
        (["sm_75", "sm_80", "sm_120"], (8, 9), True),  # kernels of 8.0 run on all 8.x
        (["sm_75", "sm_80", "sm_120"], (9, 0), False),
        (["sm_75", "sm_80", "sm_120"], (12, 1), True),
        (["sm_80", "compute_90"], (12, 0), True),  # made by the driver
        (["sm_80", "compute_90"], (8, 6), True),
        (["sm_80", "compute_90"], (7, 5), False),
        (["sm_90a"], (9, 0), True),
        (["gfx942"], (9, 4), True),
        ([], (8, 0), True),
    ],
)
def test_kernels_run_on_later_cards_of_their_generation(monkeypatch, built, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: built)
    assert gpus.has_kernels(*capability) == expected
