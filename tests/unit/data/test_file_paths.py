from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cotrain._base._pictures import PICTURE_ENDINGS
from cotrain.data._file_paths import is_paths, with_whole_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.JPG", "c.wav"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_only_columns_of_files_that_exist_are_paths(folder: Path):
    assert is_paths(pl.Series([None, "a.png", "", "b.JPG"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series(["a.png", "gone.png"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series(["a.png", "a film"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series(["c.wav"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series([None], dtype=pl.String), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series([1, 2]), PICTURE_ENDINGS, folder)


def test_paths_become_whole_and_all_else_stays(folder: Path):
    frame = pl.DataFrame(
        {"file": ["a.png", None, ""], "sound": ["c.wav"] * 3, "text": ["a.png b"] * 3, "n": [1, 2, 3]}
    )
    found = with_whole_paths(frame, folder)
    assert found["file"].to_list() == [str(folder / "a.png"), None, ""]
    assert found["sound"].to_list() == [str(folder / "c.wav")] * 3
    assert found.select("text", "n").equals(frame.select("text", "n"))
    assert with_whole_paths(found, Path("/elsewhere")).equals(found)
