from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cotrain.data import read_table
from cotrain.data._write import write_table
from cotrain.data._write_files import with_files

PNG = b"\x89PNG\r\n\x1a\nrest"


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_pictures_become_files_beside_the_table(tmp_path: Path, ending: str):
    frame = pl.DataFrame({"id": [1, 2, 3], "a mask/": [PNG + b"1", None, PNG + b"3"]})
    path = tmp_path / f"said.{ending}"
    write_table(frame, path)
    found = read_table(path)
    names = found["a mask/"].to_list()
    assert names == [
        str(tmp_path / "said_files" / "a_mask__0.png"),
        None,
        str(tmp_path / "said_files" / "a_mask__2.png"),
    ]
    assert Path(names[2]).read_bytes() == PNG + b"3"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name, "said_files"]


def test_a_parquet_file_holds_the_bytes_itself(tmp_path: Path):
    frame = pl.DataFrame({"mask": [PNG]})
    write_table(frame, tmp_path / "said.parquet")
    assert pl.read_parquet(tmp_path / "said.parquet").equals(frame)
    assert not (tmp_path / "said_files").exists()


def test_other_bytes_and_tables_without_any_stay(tmp_path: Path):
    frame = pl.DataFrame({"b": [b"ab", PNG], "n": [1, 2]})
    assert with_files(frame, tmp_path / "t.csv").equals(frame)
    assert with_files(frame.head(0), tmp_path / "t.csv").equals(frame.head(0))
    assert not list(tmp_path.iterdir())


def test_sounds_have_their_own_ending(tmp_path: Path):
    frame = pl.DataFrame({"voice": [b"RIFF\x00\x00"] * 11})
    names = with_files(frame, tmp_path / "t.csv")["voice"].to_list()
    assert names[0] == "t_files/voice_00.wav"
    assert names[10] == "t_files/voice_10.wav"


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_column_without_any_file_is_one_of_empty_paths(tmp_path: Path, ending: str):
    frame = pl.DataFrame({"text": [None, None], "voice": pl.Series([None, None], dtype=pl.Binary)})
    write_table(frame, tmp_path / f"t.{ending}")
    assert "voice" in (tmp_path / f"t.{ending}").read_text()
    assert with_files(frame, tmp_path / "t.csv")["voice"].to_list() == [None, None]
    assert not (tmp_path / "t_files").exists()
