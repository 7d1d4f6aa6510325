"""Set the machine up for a run and ask it about itself: device, determinism, rounding, memory."""

import contextlib
import logging
import os
import platform
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from stability_gap.errors import UserError
from stability_gap.experiment.gpus import claim_gpu
from stability_gap.learners.linear import has_bfloat16

CPUINFO = Path("/proc/cpuinfo")  # of Linux
MODEL_NUMBERS = ("cpu family", "model", "CPU implementer", "CPU part")  # its keys, on x86 and on ARM

OUT_OF_MEMORY = ("out of memory", "ALLOC_FAILED", "can't allocate memory", "not enough memory")
# What cuBLAS and cuDNN say where memory for a handle or a workspace is lacking, and for other reasons too.
MAYBE_OUT_OF_MEMORY = ("CUBLAS_STATUS_NOT_INITIALIZED", "unable to find an engine")

log = logging.getLogger(__name__)


def resolve_device(device: str) -> torch.device:
    """'auto' is CUDA where it can be used, on a GPU that no other job has. Errors: UserError where it is asked for and cannot."""
    if device == "cpu":
        return torch.device("cpu")
    index = claim_gpu() if torch.cuda.is_available() else None
    if index is None:
        why = why_no_gpu()
        if device == "cuda":
            raise UserError(f"device: 'cuda' is not available on this machine ({why}); write device: auto or cpu in config.yaml.")
        if torch.cuda.is_available() or shutil.which("nvidia-smi") is not None:
            log.warning("there seems to be a GPU, but it cannot be used, so this runs on the CPU: %s", why)
        return torch.device("cpu")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def why_no_gpu() -> str:
    """What torch says when CUDA is asked for where it is not available: one sentence without its full stop."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
    if not torch.cuda.device_count():
        return "no GPU is visible"
    major, minor = torch.cuda.get_device_capability()
    return f"this torch has no kernels for the {torch.cuda.get_device_name()}, whose compute capability is {major}.{minor}"


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse what this machine cannot do in hardware. Errors: UserError."""
    if precision == "bf16" and device.type == "cpu" and not has_bfloat16():
        raise UserError("precision: this CPU has no bfloat16 (AVX-512 BF16 or AMX), nor is there a GPU; write precision: fp32.")


def make_deterministic(threads: int, precision: str) -> None:
    """Fix what could make two runs differ: the number of threads, torch's choice of algorithms, rounding of products."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS reads it when it starts
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms would import torch's compiler, 1.4 s
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # nothing here reads memory before writing it


def clocks() -> dict[str, float]:
    """Seconds since some moment: of the wall, and of all cores of this process, whatever else runs beside it."""
    return {"wall_seconds": time.perf_counter(), "cpu_seconds": time.process_time()}


@contextlib.contextmanager
def precision_of(precision: str, device: torch.device) -> Iterator[None]:
    """Round as `precision` asks for; tf32 and fp32 are settings of the whole process (`make_deterministic`)."""
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        yield


@contextlib.contextmanager
def flush_denormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0: Adam's moments of dead units become so small, and processors are slow with them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def is_out_of_memory(error: BaseException | None, texts: Sequence[str] = OUT_OF_MEMORY + MAYBE_OUT_OF_MEMORY) -> bool:
    """Tell whether memory ran out. torch, cuBLAS and cuDNN each say it in their own way, also as the reason of another error.

    texts: that say so.
    """
    if error is None:
        return False
    told = isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in texts)
    return told or is_out_of_memory(error.__context__, texts)


@contextlib.contextmanager
def name_lack_of_memory(benchmark: str) -> Iterator[None]:
    """Errors: UserError where memory does not suffice for one seed, or a library of the GPU fails as if it did not."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error) or "MemoryError").splitlines()[0]
        is_sure = is_out_of_memory(error, OUT_OF_MEMORY)
        what = "too little memory for" if is_sure else "a library of the GPU fails, perhaps for lack of memory, with"
        raise UserError(
            f"{what} one seed of {benchmark} ({reason}); choose a smaller model or fewer iterations, "
            "free the GPU, or write device: cpu."
        ) from error


def processor() -> str:
    """Name the type of this CPU, which decides how sums are rounded: its model, and the instructions that torch computes with.

    Such as "AMD EPYC 9R45 family 26 model 2 (AVX512 with bfloat16)". The numbers are there as virtual machines give one name to
    several models.
    """
    told = _first_core()
    name = told.get("model name") or platform.processor() or platform.machine()
    numbers = [f"{key.removeprefix('cpu ')} {told[key]}" for key in MODEL_NUMBERS if key in told]
    instructions = torch.backends.cpu.get_cpu_capability() + (" with bfloat16" if has_bfloat16() else "")
    return f"{' '.join([name, *numbers])} ({instructions})"


def _first_core() -> dict[str, str]:
    """What Linux tells of the first core, by key; nothing on other systems."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): " ".join(value.split()) for key, _, value in pairs if value.strip()}


def peak_memory() -> int:
    """Largest resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
