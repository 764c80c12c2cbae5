from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._file_key import PROBE
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged, padded_inputs

CELLS = ["1", "22", None, "333", "4"]


def length(cell):
    return torch.full((len(cell),), float(cell[0]))


def number(cell):
    return torch.tensor([float(cell)])


@given(st.lists(st.integers(0, 4), max_size=8))
def test_rows_are_those_of_a_loop_whatever_is_chosen(chosen):
    blank = torch.tensor([9.0])
    lazy = Lazy(CELLS, length, ragged=True, blank=blank)
    found = lazy[torch.tensor(chosen, dtype=torch.int64)]
    want = [blank if CELLS[i] is None else length(CELLS[i]) for i in chosen]
    assert len(found) == len(chosen)
    decoded = found.decoded()
    assert isinstance(decoded, Ragged)
    assert [row.tolist() for row in decoded] == [row.tolist() for row in want]
    assert [row.tolist() for row in lazy[1:4].decoded()] == [[2.0, 2.0], [9.0], [3.0, 3.0, 3.0]]
    flags = torch.tensor([True, False, False, False, True])
    assert [row.tolist() for row in lazy[flags].decoded()] == [[1.0], [4.0]]


def test_rows_of_one_shape_are_a_tensor_and_a_network_gets_them_decoded():
    lazy = Lazy(["3", "1"], number)
    assert lazy.decoded().tolist() == [[3.0], [1.0]]
    found = padded_inputs({"x": lazy, "s": Lazy(["1", "22"], length, ragged=True)})
    assert found["x"].tolist() == [[3.0], [1.0]]
    assert found["s"].tolist() == [[1.0, 0.0], [2.0, 2.0]]
    assert found["s:lengths"].tolist() == [1, 2]
    assert lazy.to("meta").decoded().device.type == "meta"
    assert len(lazy[:0].decoded()) == 0


def test_an_error_names_the_row_of_the_table_and_the_file(tmp_path):
    def fail(cell):
        raise ValueError("bad header\nmore")

    def refuse(cell):
        raise DataError(f"{cell} is no picture.")

    chosen = torch.tensor([1])
    with pytest.raises(DataError, match=r"^Row 1: cannot read b.wav: bad header\.$"):
        Lazy(["a.wav", "b.wav"], fail)[chosen].decoded()
    with pytest.raises(DataError, match=r"^Row 1: cannot read its 2 bytes: bad header\.$"):
        Lazy([b"", b"xy"], fail)[chosen].decoded()
    with pytest.raises(DataError, match=r"^Row 1: b.wav is no picture\.$"):
        Lazy(["a.wav", "b.wav"], refuse)[chosen].decoded()
    with pytest.raises(DataError, match=r"Row 2 \(22\) has the shape \(2,\), but Row 0 \(1\) has \(1,\)"):
        Lazy(["1", "5", "22"], length).decoded()
    with pytest.raises(InvalidArgumentError, match="Row 2 has no file"):
        Lazy(CELLS, length)
    with pytest.raises(InvalidArgumentError, match="axis 0"):
        Lazy(["1"], length).index_select(1, chosen)
    with pytest.raises(DataError, match="Row 0: cannot read .*none.png"):
        Lazy([str(tmp_path / "none.png")], length).keys()


def test_keys_tell_files_apart_by_what_they_hold(tmp_path):
    contents = [
        b"a" * 3 * PROBE,
        b"a" * 3 * PROBE,
        b"b" + b"a" * (3 * PROBE - 1),
        b"a" * 3 * PROBE + b"a",
        b"",
        b"x",
    ]
    contents.append(b"a" * (3 * PROBE - 1) + b"b")
    paths = []
    for i, content in enumerate(contents):
        paths.append(str(tmp_path / f"{i}"))
        (tmp_path / f"{i}").write_bytes(content)
    keys = Lazy(paths, number).keys()
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(contents) - 1
    assert Lazy(paths, number)[torch.tensor([3, 3, 0])].keys() == [keys[3], keys[3], keys[0]]
    held = Lazy([b"a", b"b", b"a", None], number, blank=torch.zeros(1)).keys()
    assert held[0] == held[2] != held[1]
    assert held[3] == b""


def test_rows_are_decoded_beside_one_another():
    # Two rows that wait for each other: one thread alone would never come to an end.
    barrier = threading.Barrier(2)

    def meet(cell):
        barrier.wait()
        return torch.tensor(int(cell))

    assert Lazy(["1", "2"], meet).decoded().tolist() == [1, 2]
    assert "2 rows" in repr(Lazy(["1", "2"], meet))


def test_what_is_made_of_rows_is_made_when_they_are_decoded():
    lazy = Lazy(CELLS, length, ragged=True, blank=torch.zeros(1))
    doubled = lazy.map(lambda row: 2 * row)
    assert [row.tolist() for row in doubled[1:3].decoded()] == [[4.0, 4.0], [0.0]]
    assert [row.tolist() for row in lazy[1:2].decoded()] == [[2.0, 2.0]]
