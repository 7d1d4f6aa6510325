"""Disks that are full or cannot be written: one clear line, nothing finished is lost, and the same call goes on afterwards."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from projects import WORK, call_again, clear_errors, differences, finished_outputs, remove
from real_workflow import FULL, Workflow, digests
from variations import PLAIN_USER

FULL_DISK = "No space left on device. Free some space on its disk, then run the same command again"


@contextmanager
def tmpfs(folder: Path) -> Iterator[Path]:
    """A file system of its own in memory."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def leave(folder: Path, kib: int | None) -> None:
    """Leave so much room on a tmpfs; None: plenty."""
    used = shutil.disk_usage(folder).used // 1024
    subprocess.run(["mount", "-o", f"remount,size={used + (100_000 if kib is None else kib)}k", folder], check=True)


@pytest.mark.parametrize("number", range(8))
def test_a_full_disk_costs_what_had_no_room(undisturbed, right, seed, tally, tmp_path, number):
    chance = random.Random(f"{seed} full disk {number}")
    work = list(WORK)[number % len(WORK)]
    with tmpfs(tmp_path / "disk") as disk:
        flow = undisturbed.duplicate(disk / "workflow")
        call = ("--cores", "2", *FULL, *remove(flow, work))
        room = chance.choice([0, 4, chance.randrange(8, 60), chance.randrange(8, 60)])  # KiB; what is made needs 60 to 900
        leave(disk, room)
        print(f"{number}: {work}, {room} KiB free")
        failed = flow.snakemake(*call)
        print(failed.stdout)
        errors = clear_errors(failed)
        assert errors
        assert all(FULL_DISK in line for line in errors), errors
        assert not list(flow.folder.glob("results/**/.*.tmp*"))

        leave(disk, None)
        goes_on("disk full", flow, right, tally, failed.stdout, *call)


# What cannot be written, and what is said of it.
READ_ONLY = {
    "results": "cannot write to results: results is no folder, or may not be written to",
    ".": "cannot write to results: results is no folder, or may not be written to",
    "results/small": "Snakemake cannot write ",
    ".snakemake": "Snakemake cannot write ",
}


@pytest.mark.parametrize("place", READ_ONLY)
def test_a_disk_that_can_only_be_read(finished, right, tally, place):
    call = ("--cores", "2", *remove(finished, "pages"))
    bound = f"mount --bind {place} {place} && mount -o remount,bind,ro {place} && cd $PWD"
    failed = finished.run("unshare", "--mount", "sh", "-c", f'{bound} && exec "$@"', "sh", "snakemake", *call)
    assert any(READ_ONLY[place] in line for line in clear_errors(failed)), failed.stdout
    goes_on("disk that can only be read", finished, right, tally, failed.stdout, *call)


@pytest.mark.parametrize("place", READ_ONLY)
def test_folders_that_the_user_may_not_write(finished, right, tally, place):
    call = ("--cores", "2", *remove(finished, "pages"))
    subprocess.run(["chmod", "-R", "a-w", finished.folder / place], check=True)
    failed = finished.run(*PLAIN_USER, "snakemake", *call)
    assert any(READ_ONLY[place] in line for line in clear_errors(failed)), failed.stdout
    subprocess.run(["chmod", "-R", "u+w", finished.folder / place], check=True)
    goes_on("folder of another user", finished, right, tally, failed.stdout, *call)


def goes_on(fault: str, flow: Workflow, right: dict[str, str], tally, said: str, *call: str) -> None:
    """The same call now ends well, with the right bytes, and what was finished stays."""
    done = [name for name in finished_outputs(said) if (flow.folder / name).exists()]
    gone = [name for name in finished_outputs(said) if name not in done]
    kept = {name: os.stat(flow.folder / name).st_mtime_ns for name in done}
    _, locked = call_again(flow, *call)
    wrong = differences(digests(flow), right)
    remade = [name for name in done if os.stat(flow.folder / name).st_mtime_ns != kept[name]]
    tally.count(fault, survived=not wrong, lost=len({*wrong, *remade, *gone}))
    assert (wrong, remade, gone, locked) == ([], [], [], False)
