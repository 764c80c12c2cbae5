from __future__ import annotations

import torch

from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged
from cotrain.data._row_hash import row_keys, rows_seen_in


def test_rows_are_compared_over_all_inputs_and_padding_says_nothing():
    a = {"x": torch.tensor([[1.0], [1.0], [2.0]]), "bag:t": torch.tensor([[3, 0], [4, 0], [3, 0]])}
    b = {"x": torch.tensor([[1.0]]), "bag:t": torch.tensor([[3, 0, 0]])}
    assert rows_seen_in(a, b).tolist() == [True, False, False]


def test_rows_of_a_single_number_have_keys_too():
    keys = row_keys({"x": torch.tensor([1.0, 2.0, 1.0]), "y": torch.tensor([[0, 1], [0, 1], [0, 1]])})
    assert keys[0] == keys[2] != keys[1]


def test_no_key_depends_on_the_other_rows():
    x = torch.arange(12.0).reshape(4, 3)
    assert row_keys({"x": x})[2] == row_keys({"x": x[2:3]})[0]


def test_ragged_rows_are_the_same_by_their_own_entries_alone():
    rows = [torch.tensor([[1, 2], [3, 0]]), torch.tensor([[1, 2]]), torch.zeros(0, 2).long()]
    one = {"words": Ragged.from_rows(rows)}
    other = {"words": Ragged.from_rows([torch.zeros(1, 2).long(), rows[1]])}
    assert rows_seen_in(one, other).tolist() == [False, True, False]
    assert len(set(row_keys(one))) == 3


def test_rows_of_files_are_the_same_by_what_the_files_hold():
    one = {"x": Lazy([b"a", b"b", b"a"], lambda cell: torch.zeros(1))}
    keys = row_keys(one)
    assert keys[0] == keys[2] != keys[1]
