from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.rules._gramian_terms import BiasTerm, DirectTerm, EmbeddingTerm, WeightedSum, inner

from .nodes import random

WEIGHTS = torch.tensor([0.5, 0.0, -2.0], dtype=torch.float64)
INDEX = torch.tensor([3, 0, 3, 1, 3])


def made(kind):
    """Return a term and its K gradients, made with loops; and how they come from some rows alone."""
    if kind == "direct":
        grads = random(3, 4, 2)
        return DirectTerm(nn.Parameter(torch.zeros(4, 2).double()), grads), lambda deltas: deltas, grads
    if kind == "bias":
        deltas = random(3, 5, 4)

        def sums(deltas):
            return torch.stack([sum(row for row in rows) for rows in deltas])

        return BiasTerm(nn.Parameter(torch.zeros(4).double()), deltas), sums, deltas
    deltas = random(3, 5, 2)

    def looked_up(deltas):
        rows = torch.zeros(len(deltas), 6, 2, dtype=torch.float64)
        for task in range(len(deltas)):
            for place, row in enumerate(INDEX.tolist()):
                rows[task, row] += deltas[task, place]
        return rows

    return EmbeddingTerm(nn.Parameter(torch.zeros(6, 2).double()), INDEX, deltas), looked_up, deltas


@pytest.mark.parametrize("kind", ["direct", "bias", "embedding"])
def test_gramian_and_sums_are_those_of_the_gradients_written_out(kind):
    term, literal, deltas = made(kind)
    rows = literal(deltas)
    torch.testing.assert_close(term.combined(WeightedSum(WEIGHTS)), 0.5 * rows[0] - 2 * rows[2])
    torch.testing.assert_close(term.gramian(), rows.flatten(1) @ rows.flatten(1).T)
    torch.testing.assert_close(term.rows(), rows)
    torch.testing.assert_close(term.combined(WeightedSum(WEIGHTS)), 0.5 * rows[0] - 2 * rows[2])
    assert term.gramian().dtype == torch.float64


@pytest.mark.parametrize("kind", ["bias", "embedding"])
def test_rows_can_be_picked_multiplied_and_owned(kind):
    term, literal, deltas = made(kind)
    assert term.n_rows() == 5
    factor = random(5, seed=4)
    torch.testing.assert_close(term.scaled(factor).rows(), literal(deltas * factor[:, None]))
    kept = torch.tensor([0, 2])
    masked = torch.zeros_like(deltas)
    masked[:, kept] = deltas[:, kept]
    torch.testing.assert_close(term.part(kept).rows(), literal(masked))
    owner = torch.tensor([2, 0, 2, 2, 0])
    one = type(term)(term.parameter, *([INDEX] if kind == "embedding" else []), deltas[:1])
    per_task = torch.stack([torch.where((owner == task)[:, None], deltas[0], 0.0) for task in range(3)])
    rows = literal(per_task)
    torch.testing.assert_close(one.rows_by_owner(owner, 3), rows)
    torch.testing.assert_close(one.gramian_by_rows(owner, 3), rows.flatten(1) @ rows.flatten(1).T)


@pytest.mark.parametrize("padding", [-1, 3])
def test_a_sparse_table_gets_a_sparse_gradient_of_the_rows_that_were_looked_up(padding):
    _, literal, deltas = made("embedding")
    if padding >= 0:
        deltas = torch.where((padding == INDEX)[:, None], 0.0, deltas)
    term = EmbeddingTerm(
        nn.Parameter(torch.zeros(6, 2).double()), INDEX, deltas, sparse=True, padding=padding
    )
    rows = literal(deltas)
    combined = term.combined(WeightedSum(WEIGHTS))
    assert combined.is_sparse
    assert combined.indices()[0].tolist() == ([0, 1, 3] if padding < 0 else [0, 1])
    torch.testing.assert_close(combined.to_dense(), 0.5 * rows[0] - 2 * rows[2])


def test_a_task_of_weight_zero_may_be_broken_and_an_array_is_weighed_once():
    values = random(3, 4)
    values[1] = torch.nan
    weigh = WeightedSum(WEIGHTS)
    first = weigh(values)
    torch.testing.assert_close(first, 0.5 * values[0] - 2 * values[2])
    assert weigh(values) is first
    torch.testing.assert_close(weigh(2 * values), 2 * first)


def test_inner_products_of_half_precision_do_not_overflow_and_complex_ones_are_real():
    half = torch.full((2, 1000), 100.0, dtype=torch.float16)
    assert inner(half).tolist() == [[1e7, 1e7], [1e7, 1e7]]
    one, other = random(2, 3) + 1j * random(2, 3, seed=1), random(2, 3, seed=2) + 1j * random(2, 3, seed=3)
    expected = torch.stack([torch.stack([(a.conj() * b).sum().real for b in other]) for a in one])
    torch.testing.assert_close(inner(one, other), expected)
