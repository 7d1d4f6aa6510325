"""A stand-in for CUDA graphs that behaves as they do and runs on a CPU, and others that fail in each way a graph can."""

import dataclasses
from typing import ClassVar

import torch

from stability_gap.experiment.cuda_graph import CaptureFailed


def tensors_of(result: object) -> list[torch.Tensor]:
    """The tensors of a result, in order."""
    if isinstance(result, torch.Tensor):
        return [result]
    if dataclasses.is_dataclass(result):
        return [tensor for field in dataclasses.fields(result) for tensor in tensors_of(getattr(result, field.name))]
    return [tensor for part in result for tensor in tensors_of(part)] if isinstance(result, tuple | list) else []


class StandIn:
    """Replays a function on kept arguments into kept results."""

    made: ClassVar[list["StandIn"]] = []

    def __init__(self, function) -> None:
        self.function, self.calls = function, 0
        self.made.append(self)

    def __call__(self, *arguments: torch.Tensor | None):
        self.calls += 1
        if self.calls <= 3:
            return self.function(*arguments)
        if self.calls == 4:
            self.arguments = [None if argument is None else argument.clone() for argument in arguments]
            self.result = self.function(*self.arguments)
            return self.result
        for kept, argument in zip(self.arguments, arguments, strict=True):
            assert (kept is None) == (argument is None)
            if kept is not None:
                assert kept.shape == argument.shape
                kept.copy_(argument)
        for kept, new in zip(tensors_of(self.result), tensors_of(self.function(*self.arguments)), strict=True):
            kept.copy_(new)
        return self.result


class NeverCaptured(StandIn):
    """Cannot be captured at all."""

    def __call__(self, *arguments: torch.Tensor | None):
        if self.calls == 3:
            raise CaptureFailed("operation not permitted when stream is capturing\nCompile with TORCH_USE_CUDA_DSA.")
        return super().__call__(*arguments)


class NeverRun(StandIn):
    """Fails before anything is captured, as where a library lacks a kernel."""

    def __call__(self, *arguments: torch.Tensor | None):
        raise RuntimeError("no kernel image is available for execution on the device")


class CapturedOnce(StandIn):
    """Only the first two functions can be captured: the update, and the evaluation of the first context."""

    def __call__(self, *arguments: torch.Tensor | None):
        if self.calls == 3 and self.made.index(self) % 5 >= 2:
            raise CaptureFailed("too many graphs")
        return super().__call__(*arguments)


class Stale(StandIn):
    """Replays with the arguments of its capture."""

    def __call__(self, *arguments: torch.Tensor | None):
        return super().__call__(*(arguments if self.calls <= 3 else self.arguments))


class Frozen(StandIn):
    """Does nothing when it is replayed."""

    def __call__(self, *arguments: torch.Tensor | None):
        if self.calls <= 3:
            return super().__call__(*arguments)
        return self.result


class NotANumber(StandIn):
    """Gives results that are no numbers when it is replayed."""

    def __call__(self, *arguments: torch.Tensor | None):
        result = super().__call__(*arguments)
        if self.calls > 4:
            for tensor in tensors_of(result):
                if tensor.is_floating_point():
                    tensor.fill_(torch.nan)
        return result


class NoMemoryForGraphs(StandIn):
    """Runs out of memory when it is captured, however few the seeds."""

    def __call__(self, *arguments: torch.Tensor | None):
        if self.calls == 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.")
        return super().__call__(*arguments)


class LittleMemory(StandIn):
    """Runs out of memory when it is captured with more than two seeds."""

    def __call__(self, *arguments: torch.Tensor | None):
        result = super().__call__(*arguments)
        if self.calls == 4 and tensors_of(result)[0].shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB.\nGPU 0 has little.")
        return result
