from __future__ import annotations

import pytest
import torch

from cotrain.gradients.graph._structured_gradients import (
    DenseGradient,
    LowRankGradient,
    RowSparseGradient,
    stack_low_rank,
    total_of,
)

B, D = 5, 4


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def made(kind):
    """Return a gradient and the same as an array, made with loops."""
    if kind == "dense":
        grad = numbers(B, D)
        grad[2] = 0
        return DenseGradient(grad), grad.clone()
    if kind == "low rank":
        deltas, matrix = numbers(B, 2), numbers(2, D, seed=1)
        deltas[2] = 0
        literal = torch.zeros(B, D, dtype=torch.float64)
        for row in range(B):
            for out in range(2):
                literal[row] += deltas[row, out] * matrix[out]
        return LowRankGradient(deltas, matrix), literal
    rows, grads = torch.tensor([0, 3, 3, 4]), numbers(4, D)
    literal = torch.zeros(B, D, dtype=torch.float64)
    for row, grad in zip(rows.tolist(), grads, strict=True):
        literal[row] += grad
    return RowSparseGradient(rows, grads, B), literal


KINDS = ["dense", "low rank", "rows"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_form_is_the_array_that_it_stands_for(kind):
    gradient, literal = made(kind)
    assert gradient.shape == (B, D)
    torch.testing.assert_close(gradient.whole(), literal)
    out = torch.full((B, D), torch.nan, dtype=torch.float64)
    gradient.write(out)
    torch.testing.assert_close(out, literal)
    before = numbers(B, D, seed=7)
    total = before.clone()
    gradient.add_to(total)
    torch.testing.assert_close(total, before + literal)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_not_touched_are_zero(kind):
    gradient, literal = made(kind)
    touched = gradient.touched_B1()
    assert touched.shape == (B, 1)
    untouched = (touched == 0)[:, 0]
    assert untouched[2]
    assert not literal[untouched].any()
    assert literal[~untouched].any(1).all()


def test_a_row_that_is_not_finite_is_touched():
    grad = torch.zeros(3, 2)
    grad[1, 0] = torch.nan
    assert (DenseGradient(grad).touched_B1() != 0).ravel().tolist() == [False, True, False]
    assert (LowRankGradient(grad, torch.zeros(2, 4)).touched_B1() != 0).ravel().tolist() == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("owners", [{0: 1, 1: 1, 2: 1}, {0: 2, 1: 1, 2: 3}, {1: 2}, {2: 1, 0: 1}])
def test_products_side_by_side_have_the_gramian_the_sum_and_the_weighted_sum_of_the_arrays(owners):
    parts = {
        task: LowRankGradient(numbers(B, n_out, seed=task), numbers(n_out, D, seed=10 + task))
        for task, n_out in owners.items()
    }
    stacked = stack_low_rank(parts)
    arrays = {task: part.whole() for task, part in parts.items()}
    gramian = stacked.gramian(3)
    for i in range(3):
        for j in range(3):
            expected = (arrays[i] * arrays[j]).sum() if i in arrays and j in arrays else 0.0
            assert float(gramian[i, j]) == pytest.approx(float(expected), abs=1e-12)
    torch.testing.assert_close(stacked.total(), sum(arrays.values()))
    weights = torch.tensor([0.5, 0.0, 2.0], dtype=torch.float64)
    expected = sum((weights[task] * array for task, array in arrays.items()), torch.zeros(B, D).double())
    torch.testing.assert_close(stacked.combined(weights), expected)


def test_a_task_of_weight_zero_may_be_broken():
    parts = {
        0: LowRankGradient(numbers(B, 1), numbers(1, D)),
        1: LowRankGradient(numbers(B, 1) * torch.nan, numbers(1, D)),
    }
    combined = stack_low_rank(parts).combined(torch.tensor([2.0, 0.0]))
    torch.testing.assert_close(combined, 2 * parts[0].whole())


def test_other_forms_are_not_put_side_by_side_and_are_added_up_all_the_same():
    made_of = {task: made(kind) for task, kind in enumerate(KINDS)}
    parts = {task: gradient for task, (gradient, _) in made_of.items()}
    assert stack_low_rank(parts) is None
    torch.testing.assert_close(total_of(parts), sum(literal for _, literal in made_of.values()))
    torch.testing.assert_close(total_of({1: parts[1]}), made_of[1][1])
    torch.testing.assert_close(parts[0].grad, made_of[0][1])  # the first is not written over
