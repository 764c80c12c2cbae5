from pathlib import Path

import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import read_table


def test_a_folder_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "year=2020").mkdir()
    (tmp_path / "year=2021").mkdir()
    pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}).write_parquet(tmp_path / "year=2021" / "part-0.parquet")
    pl.DataFrame({"a": [0.5]}).write_parquet(tmp_path / "year=2020" / "part-0.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    frame = read_table(tmp_path)
    assert frame.to_dict(as_series=False) == {
        "a": [0.5, 1.0, 2.0],
        "year": [2020, 2021, 2021],
        "b": [None, "x", "y"],
    }


def test_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder without a Parquet file, a picture or a sound"):
        read_table(tmp_path)
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"a": [[1]]}).write_parquet(tmp_path / "2.parquet")
    with pytest.raises(DataError, match="The 2 Parquet files of .* do not make one table"):
        read_table(tmp_path)
    with pytest.raises(DataError, match="not a database"):
        read_table(tmp_path, "SELECT 1")
