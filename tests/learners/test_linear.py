"""oneDNN's linear layer computes what torch.nn.functional.linear computes."""

import platform
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from stability_gap.learners.linear import Linear, has_bfloat16, linear, linear_relu, uses_onednn


def random(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return ((actual.double() - expected.double()).norm() / expected.double().norm()).item()


def values_and_gradients(function, x, weight, out_gradient):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    z = function(x, weight)
    z.backward(out_gradient)
    return z.detach(), x.grad, weight.grad


@pytest.mark.parametrize(("n", "inputs", "units"), [(128, 64, 400), (128, 400, 400), (16, 400, 10), (1, 3, 2), (1000, 784, 17)])
def test_float32_values_and_gradients_agree(n, inputs, units):
    x, weight, out = random(n, inputs, seed=0), random(units, inputs, seed=1), random(n, units, seed=2)
    ours = values_and_gradients(linear, x, weight, out)
    theirs = values_and_gradients(functional.linear, x, weight, out)
    for actual, expected in zip(ours, theirs, strict=True):
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        assert relative_error(actual, expected) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_dtypes_take_torchs_own_path(dtype):
    x, weight, out = (random(*s, seed=i, dtype=dtype) for i, s in enumerate([(6, 5), (4, 5), (6, 4)]))
    assert not uses_onednn(x)
    ours = values_and_gradients(linear, x, weight, out)
    theirs = values_and_gradients(functional.linear, x, weight, out)
    assert all(torch.equal(actual, expected) for actual, expected in zip(ours, theirs, strict=True))


def test_other_devices_take_torchs_own_path():
    assert not uses_onednn(torch.empty(2, 2, device="meta"))


def test_a_cpu_has_bfloat16_where_the_kernel_lists_instructions_for_it():
    """With AVX-512 alone oneDNN takes bfloat16 too, but computes with float32."""
    cpuinfo = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not cpuinfo.exists():
        pytest.skip("needs Linux on x86")
    flags = next(line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")).split()
    assert has_bfloat16() == bool({"avx512_bf16", "amx_bf16"} & set(flags))


def test_bfloat16_is_close_to_the_exact_product():
    x, weight = random(64, 400, seed=0, dtype=torch.bfloat16), random(30, 400, seed=1, dtype=torch.bfloat16)
    exact = x.double() @ weight.double().T
    assert linear(x, weight).dtype == torch.bfloat16
    assert relative_error(linear(x, weight), exact) < 0.005  # half a unit in the last of 8 bits
    assert relative_error(linear_relu(x, weight), exact.relu()) < 0.005


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_linear_relu_is_a_product_a_bias_and_a_relu(with_bias, dtype):
    x, weight = random(50, 64, seed=0, dtype=dtype), random(40, 64, seed=1, dtype=dtype)
    bias = 8 * random(40, seed=2, dtype=dtype) if with_bias else None
    expected = functional.linear(x, weight, bias).relu()
    assert relative_error(linear_relu(x, weight, bias), expected) < 1e-6
    assert linear_relu(x, weight, bias).min() == 0


def test_gradients_only_where_they_are_needed():
    x, weight = random(6, 5, seed=0), random(4, 5, seed=1).requires_grad_()
    linear(x, weight).sum().backward()
    assert x.grad is None
    torch.testing.assert_close(weight.grad, x.sum(0).expand(4, 5))
    x, weight = x.requires_grad_(), weight.detach()
    linear(x, weight).sum().backward()
    torch.testing.assert_close(x.grad, weight.sum(0).expand(6, 5))


def test_transposed_views_and_empty_batches_are_fine():
    x, weight = random(5, 6, seed=0), random(5, 4, seed=1)
    torch.testing.assert_close(linear(x.T, weight.T), x.T @ weight)
    assert linear(torch.empty(0, 5), random(4, 5, seed=1)).shape == (0, 4)
    assert linear_relu(torch.empty(0, 5), random(4, 5, seed=1)).shape == (0, 4)


def test_the_layer_draws_its_weights_from_its_generator_and_multiplies():
    layer = Linear(30, 20, 0.3, torch.Generator().manual_seed(5))
    expected = torch.randn(20, 30, generator=torch.Generator().manual_seed(5)) * 0.3
    assert torch.equal(layer.weight, expected)
    x = random(7, 30, seed=0)
    torch.testing.assert_close(layer(x), x @ expected.T)
