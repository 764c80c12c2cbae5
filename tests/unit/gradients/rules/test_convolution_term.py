from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.rules._convolution_term import ConvTerm
from cotrain.gradients.rules._gramian_terms import WeightedSum

from .nodes import random

#: (layer, shape of the inputs): few positions and wide channels go through rows, others do not.
CASES = [
    (nn.Conv2d(16, 12, 3), (2, 16, 3, 3)),
    (nn.Conv2d(16, 12, 3, stride=2, padding=2, dilation=2), (2, 16, 3, 4)),
    (nn.Conv2d(2, 3, 2, stride=2, padding=1), (3, 2, 5, 4)),
    (nn.Conv2d(4, 6, 2, groups=2, dilation=2), (1, 4, 5, 6)),
    (nn.ConvTranspose2d(2, 3, 2, stride=2), (3, 2, 3, 3)),
    (nn.Conv1d(2, 3, 2), (4, 2, 5)),
]


def made(case, n_tasks=3):
    layer, shape = case
    layer = layer.double()
    with torch.no_grad():
        layer.weight.copy_(random(*layer.weight.shape, seed=2))
    x = random(*shape).requires_grad_()
    output = layer(x)
    deltas = random(n_tasks, *output.shape, seed=1)
    term = ConvTerm.of_node(layer.weight, output.grad_fn, deltas)

    def literal(target, grads):
        return torch.stack([torch.autograd.grad(output, target, g, retain_graph=True)[0] for g in grads])

    return term, deltas, literal, layer.weight, x


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case[0]))
@pytest.mark.parametrize("n_tasks", [1, 3])
def test_gramian_gradients_and_what_goes_on_are_those_of_one_pass_per_task(case, n_tasks):
    term, deltas, literal, weight, x = made(case, n_tasks)
    rows = literal(weight, deltas)
    torch.testing.assert_close(term.rows(), rows)
    flat = rows.flatten(1)
    torch.testing.assert_close(term.gramian(), flat @ flat.T, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(term.to_inputs(), literal(x, deltas))
    weights = torch.linspace(1, 2, n_tasks, dtype=torch.float64)
    expected = (weights @ flat).view_as(weight)
    torch.testing.assert_close(term.combined(WeightedSum(weights)), expected)


def test_both_ways_to_the_gramian_are_taken():
    assert [made(case)[0]._few_rows() for case in CASES] == [True, True, False, False, False, False]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case[0]))
def test_some_of_the_rows_and_rows_times_a_factor(case):
    term, deltas, literal, weight, _ = made(case)
    n_rows = term.n_rows()
    assert n_rows == deltas.shape[1]
    factor = random(n_rows, seed=8)
    spread = factor.view(-1, *[1] * (deltas.ndim - 2))
    torch.testing.assert_close(term.scaled(factor).rows(), literal(weight, deltas * spread))
    kept = torch.arange(n_rows)[:1]
    masked = torch.zeros_like(deltas)
    masked[:, kept] = deltas[:, kept]
    torch.testing.assert_close(term.part(kept).rows(), literal(weight, masked))


def test_rows_that_belong_to_tasks_have_their_own_gradients():
    term, deltas, literal, weight, _ = made(CASES[2], n_tasks=1)
    owner = torch.tensor([1, 0, 1])
    per_task = [torch.where((owner == task).view(-1, 1, 1, 1), deltas[0], 0.0) for task in range(3)]
    flat = literal(weight, per_task).flatten(1)
    torch.testing.assert_close(term.gramian_by_rows(owner, 3), flat @ flat.T)
