"""Replay a function of tensors as a CUDA graph: a whole update is launched at once (docs/architecture.md)."""

import gc
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from stability_gap.experiment.machine import is_out_of_memory

WARM_UP = 3  # calls that run as they are before a graph is captured: libraries choose kernels, optimizers make their state


class CaptureFailed(RuntimeError):
    """A function that runs as it is could not be captured as a graph."""


def captured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make `function` run as it is WARM_UP times, then capture it and replay the capture on copies of the arguments.

    Arguments, tensors or None, and results keep their shapes; a result is overwritten by the next call. Errors: CaptureFailed,
    from the call that captures, unless it is memory that ran out.
    """
    return _CudaGraph(function)


@cache
def _side_stream() -> torch.cuda.Stream:
    """One stream for all graphs of a process: cuBLAS keeps a workspace for every stream that it has met."""
    return torch.cuda.Stream()


class _CudaGraph:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.calls = function, 0
        self.stream = _side_stream()

    def __call__(self, *arguments: Tensor | None) -> Any:
        if self.calls < WARM_UP:
            self.calls += 1
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                result = self.function(*arguments)
            torch.cuda.current_stream().wait_stream(self.stream)
            return result
        if self.calls == WARM_UP:
            self.calls += 1
            self.arguments = [None if argument is None else argument.clone() for argument in arguments]
            try:
                self.graph, self.result = self._capture()
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                raise CaptureFailed(str(error)) from error
        for kept, argument in zip(self.arguments, arguments, strict=True):
            if kept is not None and argument is not None:
                kept.copy_(argument)
        self.graph.replay()
        return self.result

    def _capture(self) -> tuple[torch.cuda.CUDAGraph, Any]:
        graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        gc.collect()  # an older graph that is destroyed during the capture would break it
        collects = gc.isenabled()
        gc.disable()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                result = self.function(*self.arguments)
        finally:
            if collects:
                gc.enable()
            torch.cuda.set_stream(before)  # a capture that fails may leave its own behind
        return graph, result
