from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from cotrain._base._pictures import PICTURE_ENDINGS
from cotrain._base._sounds import SOUND_ENDINGS, read_sound
from cotrain.data import infer_kind, read_cells, with_written_paths
from cotrain.data._file_paths import absent_file, hash_of_files, is_paths, with_whole_paths


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.JPG", "c.wav"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def test_only_columns_of_files_that_exist_are_paths(folder: Path):
    assert is_paths(pl.Series([None, "a.png", "", "b.JPG"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series(["no.png", "gone.png"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series(["a.png", "a film"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series(["c.wav"]), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series([None], dtype=pl.String), PICTURE_ENDINGS, folder)
    assert not is_paths(pl.Series([1, 2]), PICTURE_ENDINGS, folder)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_paths_are_written_as_they_were_and_lead_to_the_files_from_elsewhere(folder: Path, ending: str):
    whole = str(folder / "b.JPG")
    frame = pl.DataFrame(
        {"file": ["a.png", None, whole, "gone.png"], "sound": ["c.wav"] * 4, "text": ["a.png b"] * 4}
    )
    table = folder / f"table.{ending}"
    getattr(frame, {"csv": "write_csv", "parquet": "write_parquet", "jsonl": "write_ndjson"}[ending])(table)
    cells = read_cells(table)
    assert cells["sound"].to_list() == [str(folder / "c.wav")] * 4
    for output in (None, folder / "said.csv"):
        assert with_written_paths(cells, table, output=output).equals(frame)
    beside = with_written_paths(cells.select("text", "file"), table, output=folder / "sub" / "said.csv")
    assert beside.columns == ["text", "file"]
    assert beside["file"].to_list() == ["../a.png", None, whole, "../gone.png"]
    # What was made since is nobody's path.
    changed = cells.with_columns(sound=pl.Series(["said_files/1.wav", *cells["sound"][1:]]))
    assert with_written_paths(changed, table)["sound"].to_list() == ["said_files/1.wav", *["c.wav"] * 3]


def test_paths_become_whole_and_all_else_stays(folder: Path):
    frame = pl.DataFrame(
        {"file": ["a.png", None, ""], "sound": ["c.wav"] * 3, "text": ["a.png b"] * 3, "n": [1, 2, 3]}
    )
    found = with_whole_paths(frame, folder)
    assert found["file"].to_list() == [str(folder / "a.png"), None, ""]
    assert found["sound"].to_list() == [str(folder / "c.wav")] * 3
    assert found.select("text", "n").equals(frame.select("text", "n"))
    assert with_whole_paths(found, Path("/elsewhere")).equals(found)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_absent_file_does_not_make_a_column_of_paths_text(folder: Path, place: int):
    names = ["a.png", "b.JPG"]
    names.insert(place, "gone.png")
    assert is_paths(pl.Series(names), PICTURE_ENDINGS, folder)
    found = with_whole_paths(pl.DataFrame({"file": names}), folder)["file"]
    assert found.to_list() == [str(folder / name) for name in names]
    guess = infer_kind(found)
    assert (type(guess.column).__name__, guess.doubt) == ("Picture", "")


@pytest.mark.parametrize(("ending", "kind"), [(".png", "Picture"), (".wav", "Sound")])
def test_names_of_files_of_which_none_exists_are_asked_about(ending: str, kind: str):
    guess = infer_kind(pl.Series("file", [f"nowhere_{i}{ending}" for i in range(30)]))
    assert type(guess.column).__name__ == kind
    assert "there is no such file as" in guess.doubt
    assert "columns: {file: drop}" in guess.doubt


def test_addresses_and_texts_are_no_absent_files():
    assert absent_file(pl.Series(["https://example.org/a.png"] * 3), PICTURE_ENDINGS) is None
    assert absent_file(pl.Series(["a.png", "a film"]), PICTURE_ENDINGS) is None
    assert absent_file(pl.Series(["a.wav"]), PICTURE_ENDINGS) is None
    assert absent_file(pl.Series(["a.wav"]), SOUND_ENDINGS) == "a.wav"


def readable() -> list[tuple[str, str]]:
    """Endings of pictures, and the format of each that Pillow writes here."""
    image = pytest.importorskip("PIL.Image")
    image.init()
    formats = {end: kind for end, kind in image.registered_extensions().items() if kind in image.SAVE}
    return [(end, formats[end]) for end in PICTURE_ENDINGS if end in formats]


def test_pictures_of_every_ending_are_pictures_as_paths_and_mostly_as_bytes(tmp_path: Path):
    from PIL import Image

    kinds = readable()
    assert {".ppm", ".pgm", ".jfif", ".png"} <= {ending for ending, _ in kinds}
    for ending, kind in kinds:
        path = tmp_path / f"a{ending}"
        Image.new("L", (8, 6)).save(path, kind)
        cells = pl.DataFrame({"photo": [f"a{ending}"] * 30})
        cells.write_csv(tmp_path / "table.csv")
        assert type(infer_kind(read_cells(tmp_path / "table.csv")["photo"]).column).__name__ == "Picture", (
            ending
        )
        if kind not in ("TGA", "PCX", "DDS", "DIB"):  # which begin with no mark of their own
            of_bytes = pl.Series("photo", [path.read_bytes()] * 30)
            found = infer_kind(of_bytes).column
            assert type(found).__name__ == "Picture", ending


def test_sounds_of_every_ending_are_sounds_as_paths_and_as_bytes(tmp_path: Path):
    soundfile = pytest.importorskip("soundfile")
    subtypes = {".opus": ("OGG", "OPUS"), ".oga": ("OGG", "VORBIS"), ".wave": ("WAV", "PCM_16")}
    subtypes |= {".aif": ("AIFF", "PCM_16"), ".aifc": ("AIFF", "PCM_16"), ".snd": ("AU", "PCM_16")}
    subtypes |= {".sph": ("NIST", "PCM_16"), ".mp3": ("MP3", "MPEG_LAYER_III")}
    for ending in SOUND_ENDINGS:
        form, subtype = subtypes.get(ending, (ending[1:].upper(), None))
        path = tmp_path / f"a{ending}"
        soundfile.write(path, [0.1, 0.2] * 2000, 8000, format=form, subtype=subtype)
        pl.DataFrame({"said": [path.name] * 30}).write_csv(tmp_path / "table.csv")
        of_bytes = pl.Series("said", [path.read_bytes()] * 30)
        for cells in (read_cells(tmp_path / "table.csv")["said"], of_bytes):
            assert type(infer_kind(cells).column).__name__ == "Sound", ending
        assert read_sound(str(path), 8000).shape == (4000,)


def test_paths_of_files_that_are_not_read_are_no_texts(tmp_path: Path):
    names = [f"scan {n}.dcm" for n in range(30)]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    texts = [f"{name}, a long report that says something.dcm" for name in names]
    pl.DataFrame({"scan": names, "report": texts}).write_csv(tmp_path / "table.csv")
    cells = read_cells(tmp_path / "table.csv")
    assert cells["scan"][3] == str(tmp_path / "scan 3.dcm")
    guess = infer_kind(cells["scan"])
    assert guess.column is None
    assert ".dcm" in guess.why
    assert type(infer_kind(cells["report"]).column).__name__ == "Text"
    assert not is_paths(pl.Series(["a" * 5000 + ".png"]), PICTURE_ENDINGS)


def test_the_hash_of_files_is_of_what_lies_in_them(folder: Path):
    frame = pl.DataFrame({"file": [str(folder / "a.png"), None, "gone.png"], "text": ["a.png b"] * 3})
    found = hash_of_files(frame)
    assert found == hash_of_files(frame.drop("text"))
    assert hash_of_files(frame.select("text")) == ""
    assert hash_of_files(frame[[1, 0, 2]]) != found
    (folder / "a.png").write_bytes(b"another picture")
    assert hash_of_files(frame) != found
