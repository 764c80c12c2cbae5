from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import DataError
from cotrain._base._lazy import Lazy
from cotrain.data import Batches
from cotrain.data._read_ahead import read_ahead


def number(cell):
    return torch.tensor([int(cell)])


def counted(cell):
    return torch.full((1 + int(cell) % 3,), int(cell) + 1)


@given(st.integers(1, 17), st.integers(1, 5), st.booleans(), st.booleans())
def test_batches_of_files_are_those_of_the_decoded_rows(n, size, shuffle, chosen):
    files = Lazy([str(i) for i in range(n)], number)
    sounds = Lazy([str(i) for i in range(n)], counted, ragged=True)
    table = {"row": torch.arange(n), "targets": {"y": torch.arange(n)[:, None]}}
    rows = torch.arange(n).flip(0)[: max(1, n // 2)] if chosen else None
    lazy = Batches({**table, "inputs": {"x": files, "s": sounds}}, rows, size, 3, shuffle=shuffle)
    held = Batches(
        {**table, "inputs": {"x": files.decoded(), "s": sounds.decoded()}}, rows, size, 3, shuffle=shuffle
    )
    for start in range(len(lazy) + 1):
        pairs = list(zip(lazy.epoch(2, start), held.epoch(2, start), strict=True))
        assert len(pairs) == len(lazy) - start
        for one, other in pairs:
            assert torch.equal(one["row"], other["row"])
            assert one["inputs"].keys() == other["inputs"].keys() == {"x", "s", "s:lengths"}
            for name, tensor in one["inputs"].items():
                assert torch.equal(tensor, other["inputs"][name]), name


def test_the_next_batch_is_read_while_this_one_is_worked_on_and_no_more():
    asked, third = [], threading.Event()

    def note(cell):
        asked.append(int(cell))
        if int(cell) == 2:
            third.set()
        return torch.tensor(int(cell))

    batches = read_ahead(
        {"x": Lazy([str(i) for i in range(9)], note)}, [slice(i, i + 2) for i in range(0, 8, 2)]
    )
    assert next(batches)["x"].tolist() == [0, 1]
    assert third.wait()
    # Two batches are begun at most, however long the first is worked on.
    assert max(asked) <= 3
    batches.close()
    assert max(asked) <= 3


def test_an_error_comes_with_its_batch_and_the_first_row_of_it():
    def fail(cell):
        if int(cell) >= 3:
            raise OSError(f"no {cell}")
        return torch.tensor(int(cell))

    batches = read_ahead(
        {"x": Lazy([str(i) for i in range(6)], fail)}, [slice(0, 2), slice(2, 4), slice(4, 6)]
    )
    assert next(batches)["x"].tolist() == [0, 1]
    with pytest.raises(DataError, match="^Row 3: cannot read 3: no 3"):
        next(batches)


def test_nothing_to_read_gives_a_nothing_for_each_batch():
    assert list(read_ahead({}, [slice(0, 1), slice(1, 2)])) == [{}, {}]
