"""Give every job a GPU of its own on a machine with several."""

import logging
import os
import re
import tempfile
from pathlib import Path

import torch
from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

_held: list[FileLock] = []  # until the process ends, however it ends


def claim_gpu(folder: Path | None = None) -> int | None:
    """The index of a GPU that no other job of this user holds, among those that this process can use; None where it can use none.

    A job holds its GPU by a lock on a file in `folder`, named by the GPU's UUID; the system frees it when the process ends. Where
    all are held, one is shared, with a line in the log.
    """
    usable = usable_gpus()
    if not usable:
        return None
    folder = folder or Path(tempfile.gettempdir(), f"stability-gap-{os.getuid()}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for index, uuid in usable.items():
        lock = FileLock(folder / f"gpu-{uuid}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _held.append(lock)
        return index
    log.warning("all GPUs (%d) are in use by other jobs: sharing one. Give snakemake --resources gpu=%d.", *[len(usable)] * 2)
    return list(usable)[os.getpid() % len(usable)]


def usable_gpus() -> dict[int, str]:
    """Index and UUID of the GPUs that CUDA_VISIBLE_DEVICES leaves and this torch has kernels for; torch itself counts all."""
    usable = {}
    for index in range(torch.cuda.device_count()):
        try:
            card = torch.cuda.get_device_properties(index)
        except (AssertionError, RuntimeError):
            continue  # of cards cut into parts (MIG) the driver counts more than a process may use
        if has_kernels(card.major, card.minor):
            usable[index] = str(card.uuid)
    return usable


def has_kernels(major: int, minor: int) -> bool:
    """Whether this torch can run on a GPU of that compute capability; True where it does not tell.

    Kernels for "sm_86" run on 8.6 and later 8.x; from "compute_90" the driver makes some for 9.0 and all that came later. AMD's
    names have another form.
    """
    built = [re.match(r"(sm|compute)_(\d+)(\d)", name) for name in torch.cuda.get_arch_list()]
    told = [(found[1], int(found[2]), int(found[3])) for found in built if found]
    return not told or any(
        (major, minor) >= (of_major, of_minor) and (kind == "compute" or major == of_major) for kind, of_major, of_minor in told
    )
