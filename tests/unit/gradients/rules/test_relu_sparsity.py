"""Products row by row, with the units that a ReLU has left active."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients import Balance
from cotrain.gradients.rules import _linear_and_elementwise, _relu_sparsity
from cotrain.gradients.rules._relu_sparsity import active_units, multiply_active

from ..networks import Inverse


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setattr(_relu_sparsity, "_MANY_TASKS", 2)
    monkeypatch.setattr(_relu_sparsity, "_PICKED", 0)
    monkeypatch.setattr(_relu_sparsity, "_CALLED", 0)
    used = []

    def noted(*arguments):
        used.append(arguments)
        multiply_active(*arguments)

    monkeypatch.setattr(_linear_and_elementwise, "multiply_active", noted)
    return used


def grads(source: str, dtype: torch.dtype = torch.float64, broken: bool = False) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    encoder = nn.Sequential(
        nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 9, bias=False), nn.ReLU(), nn.Linear(9, 10), nn.ReLU()
    )
    heads = nn.ModuleList(nn.Linear(10, 1) for _ in range(3))
    for parameter in (*encoder.parameters(), *heads.parameters()):
        parameter.data = torch.randn(parameter.shape, generator=generator)
    encoder.to(dtype)
    heads.to(dtype)
    z = encoder(torch.randn(8, 4, generator=generator).to(dtype))
    losses = {f"t{k}": (head(z) - k).square().mean() for k, head in enumerate(heads)}
    if broken:
        losses["t1"] = losses["t1"] * float("nan")
    Balance(Inverse(), encoder.parameters(), source=source).backward(losses)
    return torch.cat([p.grad.flatten().double() for p in encoder.parameters()])


@pytest.mark.parametrize("source", ["ghost"])
@pytest.mark.parametrize("broken", [False, True])
def test_equals_passes_through_all_units(few_are_many, source, broken):
    torch.testing.assert_close(grads(source, broken=broken), grads("exact", broken=broken))
    assert len(few_are_many) == 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(few_are_many, dtype):
    wide, half = grads("exact"), grads("ghost", dtype)
    assert few_are_many
    assert (half - wide).norm() < 0.08 * wide.norm()


def test_rows_without_and_with_all_units(few_are_many):
    grads_KRO, matrix_OI = torch.randn(2, 3, 5), torch.randn(5, 4)
    active_RO = torch.tensor([[False] * 5, [True] * 5, [True, False, True, False, False]])
    grads_KRO *= active_RO
    into_KRI = torch.full((2, 3, 4), float("nan"))
    multiply_active(grads_KRO, matrix_OI, active_RO, into_KRI)
    torch.testing.assert_close(into_KRI, grads_KRO @ matrix_OI)


def test_it_has_to_pay():
    half = torch.tensor([[1.0, 0.0] * 256])
    assert active_units(half, 40, torch.empty(512, 512)) is not None
    assert active_units(half, 40, torch.empty(512, 512).T) is None  # whose rows are not together
    assert active_units(half, 8, torch.empty(512, 512)) is None
    assert active_units(half, 40, torch.empty(512, 64)) is None
    assert active_units(torch.ones(1, 512), 40, torch.empty(512, 512)) is None


def test_what_is_not_a_number_stays_active(few_are_many):
    active_RO = active_units(torch.tensor([[float("nan"), 0.0, 2.0, 0.0]]), 40, torch.empty(4, 4))
    assert active_RO is not None
    assert active_RO.tolist() == [[True, False, True, False]]
