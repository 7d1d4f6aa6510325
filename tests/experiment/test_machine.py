"""Device, determinism and memory of the machine."""

from pathlib import Path

import pytest
import torch

from stability_gap.errors import UserError
from stability_gap.experiment import machine
from stability_gap.experiment.machine import (
    is_out_of_memory,
    make_deterministic,
    name_lack_of_memory,
    peak_memory,
    processor,
    resolve_device,
)


@pytest.mark.parametrize(
    ("device", "has_cuda", "expected"),
    [("cpu", True, "cpu"), ("cpu", False, "cpu"), ("auto", False, "cpu"), ("auto", True, "cuda:1"), ("cuda", True, "cuda:1")],
)
def test_auto_is_a_free_gpu_where_there_is_one(monkeypatch, device, has_cuda, expected):
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(machine, "claim_gpu", lambda: 1)
    assert resolve_device(device) == torch.device(expected)
    assert chosen == ([1] if expected == "cuda:1" else [])


@pytest.mark.parametrize("tool", [None, "/usr/bin/nvidia-smi"])
def test_a_gpu_that_cannot_be_used_is_told_of_with_the_reason(monkeypatch, caplog, tool):
    def too_old() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040). Please update it.")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", too_old)
    monkeypatch.setattr(machine.shutil, "which", lambda name: tool)
    assert resolve_device("auto") == torch.device("cpu")
    reason = "The NVIDIA driver on your system is too old (found version 11040)"
    assert caplog.messages == (
        [f"there seems to be a GPU, but it cannot be used, so this runs on the CPU: {reason}"] if tool else []
    )
    with pytest.raises(
        UserError, match=r"is not available on this machine \(The NVIDIA driver .* \(found version 11040\)\); write"
    ):
        resolve_device("cuda")


def test_a_gpu_that_torch_has_no_kernels_for_is_told_of_and_left_alone(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla V100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 0))
    monkeypatch.setattr(machine, "claim_gpu", lambda: None)
    reason = "this torch has no kernels for the Tesla V100, whose compute capability is 7.0"
    assert resolve_device("auto") == torch.device("cpu")
    assert caplog.messages == [f"there seems to be a GPU, but it cannot be used, so this runs on the CPU: {reason}"]
    with pytest.raises(UserError, match=rf"is not available on this machine \({reason}\); write device: auto or cpu"):
        resolve_device("cuda")


@pytest.mark.parametrize(("precision", "rounded"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_products_are_rounded_to_tf32_where_it_is_asked_for_only(precision, rounded):
    for before in ("tf32", "fp32"):  # whatever ran before
        make_deterministic(1, before)
        make_deterministic(1, precision)
        assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is rounded
        assert torch.get_deterministic_debug_mode() == 2  # error
        assert not torch.backends.cudnn.benchmark


def test_bfloat16_is_refused_where_the_cpu_lacks_it(monkeypatch):
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(machine, "has_bfloat16", lambda: False)
    for precision, device in (("fp32", cpu), ("tf32", cpu), ("bf16", gpu)):
        machine.check_precision(precision, device)
    with pytest.raises(UserError, match=r"precision: this CPU has no bfloat16 .* write precision: fp32"):
        machine.check_precision("bf16", cpu)
    monkeypatch.setattr(machine, "has_bfloat16", lambda: True)
    machine.check_precision("bf16", cpu)


def test_peak_memory_is_that_of_the_kernel_in_bytes():
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs Linux: no /proc/self/status")
    (kibibytes,) = (int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    assert peak_memory() == pytest.approx(1024 * kibibytes, rel=0.05)


ZEN_5 = """processor : 0
vendor_id	: AuthenticAMD
cpu family	: 26
model		: 2
model name	: AMD EPYC  9R45
cpu MHz		: 4114.512

processor	: 1
model name	: another
"""
GRAVITON = "processor\t: 0\nBogoMIPS\t: 2100.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("cpuinfo", "has_bfloat16", "expected"),
    [
        (ZEN_5, True, "AMD EPYC 9R45 family 26 model 2 (AVX512 with bfloat16)"),
        (ZEN_5, False, "AMD EPYC 9R45 family 26 model 2 (AVX512)"),
        (GRAVITON, False, "told CPU implementer 0x41 CPU part 0xd40 (AVX512)"),
        (None, False, "told (AVX512)"),
    ],
    ids=["AMD", "no bfloat16", "ARM", "no Linux"],
)
def test_the_type_of_processor_is_its_model_and_what_torch_computes_with(monkeypatch, tmp_path, cpuinfo, has_bfloat16, expected):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "has_bfloat16", lambda: has_bfloat16)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(machine.platform, "processor", lambda: "told")
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert processor() == expected


def test_every_way_to_say_that_memory_ran_out_is_understood():
    for told in (
        torch.OutOfMemoryError("no"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
    ):
        assert is_out_of_memory(told)
        later = RuntimeError("capture failed")  # what leaving a capture can make of it
        later.__context__ = told
        assert is_out_of_memory(later)
    assert not is_out_of_memory(RuntimeError("device-side assert triggered"))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.\nGPU 0 has little."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        MemoryError(),
        RuntimeError("GET was unable to find an engine to execute this computation"),
    ],
)
def test_lack_of_memory_is_told_with_its_reason_and_what_to_do(error):
    """As a guess where the library that fails has other reasons too."""
    with pytest.raises(UserError) as told, name_lack_of_memory("split_tiny"):
        raise error
    reason = (str(error) or "MemoryError").splitlines()[0]
    is_guess = "engine" in reason
    what = "a library of the GPU fails, perhaps for lack of memory, with" if is_guess else "too little memory for"
    assert str(told.value) == (
        f"{what} one seed of split_tiny ({reason}); choose a smaller model or fewer iterations, free the GPU, "
        "or write device: cpu."
    )


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="device-side assert"), name_lack_of_memory("split_tiny"):
        raise RuntimeError("CUDA error: device-side assert triggered")
