"""Rows that a task sends nothing into are found and left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cotrain.gradients.graph._structured_gradients import (
    DenseGradient,
    LowRankGradient,
    RowSparseGradient,
    StructuredGradient,
)
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._row_sparsity import RowSparsity, touched_rows

TOUCHED = np.array([[True, False, True, False], [False, False, True, True], [False] * 4])


def sent() -> dict[int, StructuredGradient]:
    column = LowRankGradient(torch.tensor([[1.0], [0.0], [float("nan")], [0.0]]), torch.ones(1, 5))
    wide = LowRankGradient(torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 2.0], [3.0, 0.0]]), torch.ones(2, 5))
    return {0: column, 1: wide}


def test_touched_rows():
    edge = (None, 0)
    assert (touched_rows({edge: sent()}, 3) == TOUCHED).all()
    whole = {task: DenseGradient(part.whole()) for task, part in sent().items()}
    assert (touched_rows({edge: whole}, 3) == TOUCHED).all()
    picked = RowSparseGradient(torch.tensor([1, 1]), torch.zeros(2, 5), 4)
    found = touched_rows({edge: sent(), (None, 1): {0: picked}}, 3)
    assert found is not None
    assert found[0].tolist() == [True, True, True, False]


def test_tasks_without_a_common_batch_have_no_rows():
    other = DenseGradient(torch.ones(5, 5))
    assert touched_rows({(None, 0): sent(), (None, 1): {0: other}}, 3) is None
    assert touched_rows({(None, 0): {0: DenseGradient(torch.ones(()))}}, 1) is None
    assert touched_rows({(None, 0): {0: DenseGradient(torch.ones(0, 5))}}, 1) is None
    assert touched_rows({}, 1) is None


@pytest.mark.parametrize("positions", [1, 3])
def test_packed_rows(positions, monkeypatch):
    monkeypatch.setattr("cotrain.gradients.rules._row_sparsity._COPIED", 0)
    monkeypatch.setattr("cotrain.gradients.rules._row_sparsity._CALLED", 0)
    touched_KR = TOUCHED.repeat(positions, axis=1)
    deltas_KRO = torch.randn(3, 4 * positions, 6) * torch.from_numpy(touched_KR)[:, :, None]
    packed = RowSparsity(TOUCHED, lambda: False).pack(deltas_KRO, 5, BufferPool())
    assert packed is not None
    assert len(packed.numbers_N) == 4 * positions
    back = torch.zeros_like(deltas_KRO)
    back.view(-1, 6)[packed.numbers_N] = packed.deltas_NO
    assert torch.equal(back, deltas_KRO)
    for task in range(3):
        assert torch.equal(deltas_KRO[task][packed.rows[task]], packed.deltas[task])


@pytest.mark.parametrize(("n_rows", "mixed"), [(5, False), (4, True)])
def test_rows_of_another_batch_and_mixed_ones_are_multiplied_whole(n_rows, mixed, monkeypatch):
    monkeypatch.setattr("cotrain.gradients.rules._row_sparsity._COPIED", 0)
    monkeypatch.setattr("cotrain.gradients.rules._row_sparsity._CALLED", 0)
    assert RowSparsity(TOUCHED, lambda: mixed).pack(torch.zeros(3, n_rows, 6), 5, BufferPool()) is None


def test_small_layers_are_multiplied_whole():
    assert RowSparsity(TOUCHED, lambda: False).pack(torch.zeros(3, 4, 6), 5, BufferPool()) is None
    assert not RowSparsity.worth_it(np.ones((3, 4), dtype=bool))
    assert RowSparsity.worth_it(TOUCHED)
