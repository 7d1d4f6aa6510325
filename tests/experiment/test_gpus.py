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
torch.cuda.get_device_properties = lambda index: types.SimpleNamespace(uuid=f"uuid-{index}")
print(claim_gpu(Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


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
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"uuid-{index}"))
    assert gpus.claim_gpu(tmp_path / "locks") in (0, 1)
    assert caplog.messages == ["all GPUs (2) are in use by other jobs: sharing one. Give snakemake --resources gpu=2."]


def test_that_two_jobs_share_a_single_gpu_is_told(monkeypatch, job, tmp_path, caplog):
    """As where two workflows run at once; jobs of Slurm see each the GPU that it was given."""
    assert job(1)[1] == 0
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"uuid-{index}"))
    assert gpus.claim_gpu(tmp_path / "locks") == 0
    assert caplog.messages == ["all GPUs (1) are in use by other jobs: sharing one. Give snakemake --resources gpu=1."]


def test_what_the_driver_counts_and_no_process_may_use_is_passed_over(monkeypatch, tmp_path):
    """As with several cards that are cut into parts (MIG)."""

    def properties(index: int) -> SimpleNamespace:
        if index != 1:
            raise AssertionError("Invalid device id")
        return SimpleNamespace(uuid="uuid-1")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    assert gpus.claim_gpu(tmp_path / "locks") == 1
