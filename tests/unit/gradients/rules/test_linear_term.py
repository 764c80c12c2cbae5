"""The Gramian of a linear layer's weight, by whichever way is cheaper."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import BiasTerm, DirectTerm, WeightedSum
from cotrain.gradients.rules._linear_term import LinearTerm, terms_gramian

#: (rows, inputs, outputs): few rows and many, with wide layers (through rows) and narrow ones (directly).
SIZES = [(7, 20, 30), (7, 2, 3), (100, 300, 200), (130, 6, 5)]


def made(size, transposed, with_bias, n_tasks=3):
    n_rows, n_in, n_out = size
    generator = torch.Generator().manual_seed(0)
    inputs_RI = torch.randn(n_rows, n_in, generator=generator, dtype=torch.float64)
    deltas_KRO = torch.randn(n_tasks, n_rows, n_out, generator=generator, dtype=torch.float64)
    rows = torch.einsum("kro,ri->kio" if transposed else "kro,ri->koi", deltas_KRO, inputs_RI)
    weight = nn.Parameter(torch.zeros(rows.shape[1:], dtype=torch.float64))
    term = LinearTerm(weight, inputs_RI, deltas_KRO, BufferPool(), transposed)
    if with_bias:
        term.bias = BiasTerm(nn.Parameter(torch.zeros(n_out, dtype=torch.float64)), deltas_KRO)
    return term, rows, deltas_KRO.sum(1)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_gramian_and_combined_gradient(size, transposed, with_bias):
    term, rows, sums = made(size, transposed, with_bias)
    flat = torch.cat([rows.flatten(1), sums], 1) if with_bias else rows.flatten(1)
    torch.testing.assert_close(term.gramian(), flat @ flat.T, rtol=1e-11, atol=1e-9)
    weigh = WeightedSum(torch.tensor([0.5, 0.0, -2.0], dtype=torch.float64))
    torch.testing.assert_close(term.combined(weigh), 0.5 * rows[0] - 2 * rows[2], rtol=1e-11, atol=1e-9)
    if term.bias is not None:
        torch.testing.assert_close(
            term.bias.combined(weigh), 0.5 * sums[0] - 2 * sums[2], rtol=1e-11, atol=1e-9
        )


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("n_tasks", [2, 5])
@pytest.mark.parametrize("size", SIZES)
def test_rows_that_belong_to_tasks(size, n_tasks, with_bias):
    term, _, _ = made(size, False, with_bias, n_tasks=1)
    owner_R = torch.arange(size[0]) * 7 % n_tasks
    flat = torch.stack(
        [
            (term.deltas_KRO[0][owner_R == task].T @ term.inputs_RI[owner_R == task]).flatten()
            for task in range(n_tasks)
        ]
    )
    if with_bias:
        sums = torch.stack([term.deltas_KRO[0][owner_R == task].sum(0) for task in range(n_tasks)])
        flat = torch.cat([flat, sums], 1)
    found = term.gramian_by_rows(owner_R, n_tasks)
    torch.testing.assert_close(found, flat @ flat.T, rtol=1e-11, atol=1e-9)


def test_a_broken_task_stays_in_its_own_row():
    term, _, _ = made((130, 40, 50), False, False)
    term.deltas_KRO[1, 3, 4] = float("nan")
    gramian = term.gramian()
    assert gramian[[0, 0, 2], [0, 2, 2]].isfinite().all()
    assert gramian[1].isnan().all()
    term, _, _ = made((130, 40, 50), False, False, n_tasks=1)
    owner_R = torch.arange(130) % 3
    term.deltas_KRO[0, 1, 4] = float("inf")
    gramian = term.gramian_by_rows(owner_R, 3)
    assert gramian[[0, 0, 2], [0, 2, 2]].isfinite().all()
    assert not gramian[1, 1].isfinite()


def test_uses_of_one_parameter_are_added_up_before_they_are_multiplied():
    weight, other = nn.Parameter(torch.zeros(4).double()), nn.Parameter(torch.zeros(2).double())
    generator = torch.Generator().manual_seed(0)
    direct, deltas, alone = (
        torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((2, 4), (2, 5, 4), (2, 2))
    )
    terms = [DirectTerm(weight, direct), DirectTerm(other, alone), BiasTerm(weight, deltas)]
    rows = torch.cat([direct + deltas.sum(1), alone], 1)
    torch.testing.assert_close(terms_gramian(terms, 2, torch.device("cpu")), rows @ rows.T)
    assert not terms_gramian([], 2, torch.device("cpu")).any()
