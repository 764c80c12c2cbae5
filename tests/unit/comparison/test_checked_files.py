"""What was changed, swapped or cut is refused in a sentence; what was written comes back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cotrain._base import RunError
from cotrain.comparison._checked_files import read_arrays, read_record, write_arrays, write_record

RECORD = {"score": 0.25, "epochs": 3, "best_epoch": {"größe": 2}, "skipped": {}, "none": None}
ARRAYS = {"0/0": np.linspace(0, 1, 40).reshape(20, 2), "1/0": np.arange(3), "empty": np.zeros((0, 4))}


def test_a_record_comes_back_wherever_the_comparison_lies(tmp_path: Path) -> None:
    path = tmp_path / "cells" / "key" / "cell.json"
    write_record(path, RECORD)
    assert read_record(path) == RECORD
    assert json.loads(path.read_text())["score"] == 0.25
    shutil.copytree(tmp_path / "cells", tmp_path / "elsewhere" / "cells")
    assert read_record(tmp_path / "elsewhere" / "cells" / "key" / "cell.json") == RECORD


def test_arrays_come_back_to_the_bit(tmp_path: Path) -> None:
    path = tmp_path / "test" / "key.npz"
    write_arrays(path, ARRAYS)
    found = read_arrays(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("kind", ["cell.json", "key.npz"])
def test_every_flipped_bit_and_every_cut_is_found(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "here" / kind
    write, read = (write_record, read_record) if kind == "cell.json" else (write_arrays, read_arrays)
    expected = RECORD if kind == "cell.json" else ARRAYS
    write(path, expected)
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for place in generator.integers(0, len(whole), 300):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(changed)
        try:
            found = read(path)
        except RunError:
            continue
        # A bit that says nothing, such as a date in the archive.
        assert list(found) == list(expected)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
    for length in (0, 1, len(whole) // 2, len(whole) - 2):
        path.write_bytes(whole[:length])
        with pytest.raises(RunError, match="is damaged"):
            read(path)


@pytest.mark.parametrize("kind", ["cell.json", "key.npz"])
def test_a_file_of_another_place_is_refused(tmp_path: Path, kind: str) -> None:
    one, other = tmp_path / "one" / kind, tmp_path / "other" / kind
    write, read = (write_record, read_record) if kind == "cell.json" else (write_arrays, read_arrays)
    write(one, RECORD if kind == "cell.json" else ARRAYS)
    other.parent.mkdir()
    shutil.copy(one, other)
    with pytest.raises(RunError, match=r"of another comparison: delete it"):
        read(other)


@pytest.mark.parametrize("text", ["", "[]", "null", "3", '{"score": 1}', "[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cell.json"
    path.write_text(text)
    with pytest.raises(RunError, match="is damaged"):
        read_record(path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "key.npz"
    np.savez(path, seal=np.array("x"), bad=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RunError, match="is damaged"):
        read_arrays(path)
