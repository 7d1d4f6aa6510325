"""A bias-free linear layer through oneDNN's matrix kernels.

`torch.nn.Linear` takes MKL's sgemm on CPUs, which uses half of an AMD core's width (95 against 210 GFLOP/s measured on Zen 5,
docs/performance.md); oneDNN uses all of it, on Intel as well. Same float32 arithmetic, another order of summation. Off the CPU
this is `torch.nn.functional.linear`.
"""

import platform
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None, activation: str = "none") -> Tensor:
    """x @ weight.T + bias, optionally through ReLU, on oneDNN: (n, in), (out, in), (out,) -> (n, out)."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], "")  # type: ignore[no-any-return]


def uses_onednn(x: Tensor) -> bool:
    """Whether oneDNN computes products with `x`: float32 on a CPU that torch has oneDNN for, bfloat16 where that CPU has it."""
    is_taken = x.dtype == torch.float32 or (x.dtype == torch.bfloat16 and has_bfloat16())
    return x.device.type == "cpu" and is_taken and torch.backends.mkldnn.is_available()


@cache
def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 numbers (AVX-512 BF16 or AMX); elsewhere that is slower than float32.

    oneDNN takes them on every x86 with AVX-512, and where that lacks BF16 it computes with float32.
    """
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return False
    is_x86 = platform.machine() in ("x86_64", "AMD64")
    return not is_x86 or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


class _OneDNNLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        for_x = _product(gradient, weight.mT) if ctx.needs_input_grad[0] else None
        for_weight = _product(gradient.mT, x.mT) if ctx.needs_input_grad[1] else None
        return for_x, for_weight


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """x @ weight.T: (n, in), (out, in) -> (n, out), differentiable once in both; in the precision of `weight`."""
    x = x.to(weight.dtype)  # under autocast a backbone hands on bfloat16
    if uses_onednn(x):
        return _OneDNNLinear.apply(x, weight)  # type: ignore[no-any-return]
    return plain_linear(x, weight)


def plain_linear(x: Tensor, weight: Tensor) -> Tensor:
    """The same by torch's own product, which torch.vmap can batch; autocast does not change it."""
    with torch.autocast(x.device.type, enabled=False):
        return functional.linear(x.to(weight.dtype), weight)


def linear_relu(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """relu(x @ weight.T + bias) in one kernel, for evaluation only (no gradient)."""
    return _product(x, weight, bias, "relu") if uses_onednn(x) else functional.linear(x, weight, bias).relu_()


class Linear(nn.Module):
    """z = W x without bias; W is (units, inputs), drawn from N(0, std²)."""

    def __init__(self, inputs: int, units: int, std: float, generator: torch.Generator) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(units, inputs, generator=generator) * std)
        self.product: Callable[[Tensor, Tensor], Tensor] = linear

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) -> (n, units)."""
        return self.product(x, self.weight)
