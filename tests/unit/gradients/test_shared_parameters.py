"""Gradients are written into a row of the Jacobian, whatever they look like."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.balancing import Equal
from cotrain.gradients import Balance
from cotrain.gradients._shared_parameters import all_finite_on_host, fill_row, grads_set_aside

from .networks import Inverse, Net, SignSum, UnitLength


@pytest.mark.parametrize("kind", ["all", "not contiguous", "one is missing", "half precision"])
def test_fill_row(kind):
    parameters = [
        nn.Parameter(torch.zeros(2, 3)),
        nn.Parameter(torch.zeros(4)),
        nn.Parameter(torch.zeros(())),
    ]
    grads = [torch.arange(6.0).view(2, 3), torch.arange(4.0), torch.tensor(7.0)]
    if kind == "not contiguous":
        grads[0] = torch.arange(6.0).view(2, 3).T.contiguous().T
    if kind == "half precision":
        grads[1] = grads[1].bfloat16()
    expected = torch.cat([grad.float().flatten() for grad in grads])
    if kind == "one is missing":
        expected[6:10] = 0
    row_P = torch.full((11,), float("nan"))
    fill_row(
        row_P, [None if kind == "one is missing" and at == 1 else g for at, g in enumerate(grads)], parameters
    )
    assert torch.equal(row_P, expected)


def test_a_row_of_nothing():
    fill_row(torch.empty(0), [], [])


@pytest.mark.parametrize("rule", [Equal, Inverse, UnitLength, SignSum])
@pytest.mark.parametrize("source", ["auto", "exact", "ghost", "disjoint", "representation", "layers"])
@pytest.mark.parametrize("before", [False, True])
def test_whoever_waits_for_a_gradient_is_told_once_when_it_is_whole(rule, source, before):
    if rule is SignSum and source not in ("auto", "exact"):
        pytest.skip("an update of its own needs the Jacobian")
    net, plain = Net(), Net()
    kinds = {"layers": lambda module: [module.encoder[2]]}.get(source, lambda module: source)
    told: dict[int, list[torch.Tensor]] = {}
    for parameter in net.parameters():
        parameter.register_post_accumulate_grad_hook(
            lambda p: told.setdefault(id(p), []).append(p.grad.clone())
        )
    for module in (net, plain):
        if before:
            for parameter in module.parameters():
                parameter.grad = torch.ones_like(parameter)
        z = torch.tanh(module.encoder(module.x))
        rows = [slice(0, 3), slice(3, 5), slice(5, 7)]
        losses = {
            f"t{k}": (k + 1) * (module.heads[k](z[rows[k]])[:, 0] - module.y[rows[k], k]).square().mean()
            for k in range(3)
        }
        Balance(rule(), module.encoder.parameters(), source=kinds(module)).backward(losses)
    for parameter, other in zip(net.parameters(), plain.parameters(), strict=True):
        (grad,) = told[id(parameter)]
        torch.testing.assert_close(grad, other.grad)
        assert torch.equal(parameter.grad, grad)


def test_gradients_set_aside_come_back_added():
    a, b, c = (torch.zeros(2, requires_grad=True) for _ in range(3))
    a.grad, b.grad = torch.ones(2), torch.ones(2)

    def block():
        with grads_set_aside([a, b, c]):
            assert a.grad is None
            a.grad = torch.full((2,), 2.0)
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        block()
    assert (a.grad.tolist(), b.grad.tolist(), c.grad) == ([3, 3], [1, 1], None)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64]
)
@pytest.mark.parametrize("n", [3, 200_000])
def test_one_look_finds_what_is_not_finite(dtype, n):
    good = [torch.ones(n, dtype=dtype), torch.full((2, 2), 1e4, dtype=dtype)]
    assert all_finite_on_host(good)
    assert all_finite_on_host([])
    assert all_finite_on_host([*good, torch.eye(3).to_sparse()])
    for bad in (float("nan"), float("inf"), -float("inf")):
        broken = torch.ones(n, dtype=dtype)
        broken[n // 2] = bad
        assert not all_finite_on_host([*good, broken])
        assert not all_finite_on_host([*good, torch.tensor([[0, bad]]).to_sparse()])
