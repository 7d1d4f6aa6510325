"""Give every job a GPU of its own on a machine with several."""

import logging
import os
import tempfile
from pathlib import Path

import torch
from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

_held: list[FileLock] = []  # until the process ends, however it ends


def claim_gpu(folder: Path | None = None) -> int:
    """The index of a GPU that no other job of this user holds, among those that CUDA_VISIBLE_DEVICES leaves.

    A job holds its GPU by a lock on a file in `folder`, named by the GPU's UUID; the system frees it when the process ends. Where
    all are held, one is shared, with a line in the log.
    """
    count = torch.cuda.device_count()
    folder = folder or Path(tempfile.gettempdir(), f"stability-gap-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    usable: list[int] = []
    for index in range(count):
        try:
            uuid = torch.cuda.get_device_properties(index).uuid
        except (AssertionError, RuntimeError):
            continue  # of cards cut into parts (MIG) the driver counts more than a process may use
        usable.append(index)
        lock = FileLock(folder / f"gpu-{uuid}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _held.append(lock)
        return index
    log.warning("all GPUs (%d) are in use by other jobs: sharing one. Give snakemake --resources gpu=%d.", *[len(usable)] * 2)
    return usable[os.getpid() % len(usable)]
