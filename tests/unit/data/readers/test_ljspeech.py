"""Recordings and their texts in the layout of the LJ Speech data set."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain._base._sounds import wav_bytes
from cotrain.data import read_table
from cotrain.data._infer_tasks import infer_tasks
from cotrain.data.readers import is_ljspeech, read_ljspeech

RIGHT = ['a|"Printing|"Printing', "b|it was 1455.|it was fourteen fifty-five.", "c||", 'd|"|NA"']


def written(folder: Path, lines: list[str], name: str = "metadata.csv", ending: str = "\n") -> Path:
    (folder / "wavs").mkdir(exist_ok=True)
    for line in lines:
        sound = wav_bytes(np.sin(np.arange(800)), 8000)
        (folder / "wavs" / f"{line.split('|')[0]}.wav").write_bytes(sound)
    path = folder / name
    path.write_bytes((ending.join(lines) + ending).encode())
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_cells_are_files_and_texts_with_quotes_as_they_are(tmp_path: Path, ending: str):
    path = written(tmp_path, RIGHT, ending=ending)
    assert is_ljspeech(path)
    found = read_ljspeech(path)
    assert found.columns == ["file", "text", "normalized_text"]
    assert found["file"].to_list() == [f"wavs/{name}.wav" for name in "abcd"]
    assert found["text"].to_list() == ['"Printing', "it was 1455.", "", '"']
    assert found["normalized_text"].to_list() == ['"Printing', "it was fourteen fifty-five.", "", 'NA"']


def test_it_is_a_table_whose_files_are_found_wherever_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = written(tmp_path, RIGHT)
    monkeypatch.chdir("/")
    table = read_table(path)
    assert all(Path(cell).is_file() for cell in table["file"])
    # An empty text of a file is a missing one: Transcription(empty=) names a word for silence.
    assert table["text"].null_count() == 1


def test_two_cells_are_a_file_and_a_text(tmp_path: Path):
    assert read_ljspeech(written(tmp_path, ["a|one", "b|two"])).rows() == [
        ("wavs/a.wav", "one"),
        ("wavs/b.wav", "two"),
    ]


def test_a_line_of_another_number_of_cells_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"^Cannot read .*metadata\.csv: line 2 has 2 cells, .* has 3, .*\.$"):
        read_table(written(tmp_path, ["a|one|one", "b|two"]))


def test_other_tables_beside_such_a_folder_stay_tables(tmp_path: Path):
    path = written(tmp_path, ["a|one", "b|two"])
    path.write_text("file|text\nwavs/a.wav|one\nwavs/b.wav|two\n")
    assert not is_ljspeech(path)
    assert read_table(path).columns == ["file", "text"]


def test_the_same_text_spelled_out_is_no_input(tmp_path: Path):
    lines = [f"s{n}|he had {n} of them|he had {'n' * n} of them" for n in range(1, 30)]
    table = read_table(written(tmp_path, lines))
    (guess,) = infer_tasks(table, ["normalized_text"])
    assert (guess.kind, guess.beside) == ("Transcription", ("text",))
    (guess,) = infer_tasks(table.with_columns(text=pl.lit("another thing")), ["normalized_text"])
    assert guess.beside == ()
