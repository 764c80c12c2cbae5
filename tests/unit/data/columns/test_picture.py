"""A column of pictures, from paths, bytes and mappings alike."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._lazy import Lazy
from cotrain.data import Schema
from cotrain.data._infer_kind import infer_kind
from cotrain.data._read import read_cells
from cotrain.data.columns import Picture, _picture

Image = pytest.importorskip("PIL.Image")

DRAW = np.random.default_rng(0)
ARRAYS = [DRAW.integers(0, 256, (6, 8, 3), dtype=np.uint8) for _ in range(5)]


def data_of(array: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number, array in enumerate(ARRAYS):
        (tmp_path / "images" / f"{number}.png").write_bytes(data_of(array))
    names = [f"images/{number}.png" for number in range(5)]
    pl.DataFrame({"file": [*names, None], "kind": list("ababab")}).write_csv(tmp_path / "table.csv")
    return tmp_path


def as_column(folder: Path, form: str) -> pl.Series:
    if form == "paths":
        return read_cells(folder / "table.csv")["file"]
    if form == "bytes":
        return pl.Series("file", [*map(data_of, ARRAYS), None])
    return pl.Series("file", [*({"bytes": data_of(a), "path": "x.png"} for a in ARRAYS), None])


@pytest.mark.parametrize("form", ["paths", "bytes", "mappings"])
def test_every_form_is_recognised_and_gives_the_same_pictures(folder: Path, form: str):
    values = as_column(folder, form)
    column = infer_kind(values).column
    assert isinstance(column, Picture)
    found = column.fit(values).encode(values).pictures
    assert found is not None
    assert found.dtype == np.uint8
    assert np.array_equal(found[:5], np.stack(ARRAYS).transpose(0, 3, 1, 2))
    mean = np.stack(ARRAYS).mean(axis=(0, 1, 2))
    assert column.picture is not None
    assert column.picture.mean == pytest.approx(tuple(mean))
    # A missing picture is one of the mean colour.
    assert np.array_equal(found[5], np.broadcast_to(np.rint(mean)[:, None, None], (3, 6, 8)))


def test_paths_lead_from_the_file_of_the_table_wherever_the_process_is(folder: Path, monkeypatch):
    monkeypatch.chdir("/")
    values = read_cells(folder / "table.csv")["file"]
    assert values[0] == str(folder / "images" / "0.png")
    Picture("file").fit(values)


def test_names_that_are_no_files_stay_as_they_are_and_are_asked_about(tmp_path: Path):
    pl.DataFrame({"file": ["a.png", "b.png"] * 5}).write_csv(tmp_path / "t.csv")
    values = read_cells(tmp_path / "t.csv")["file"]
    assert values.to_list() == ["a.png", "b.png"] * 5
    assert "no such file as 'a.png'" in infer_kind(values).doubt


def test_grey_pictures_have_one_channel_and_deep_ones_keep_their_depth():
    grey = np.repeat(ARRAYS[0][:, :, :1], 3, axis=2)
    column = Picture("p").fit(pl.Series("p", [data_of(grey)]))
    assert column.picture is not None
    assert column.picture.shape == (1, 6, 8)
    deep = DRAW.integers(0, 65536, (4, 4), dtype=np.uint16)
    values = pl.Series("p", [data_of(deep), data_of(grey[:4, :4, 0])])
    found = Picture("p").fit(values).encode(values).pictures
    assert found is not None
    assert np.array_equal(found[0, 0], deep)
    assert np.array_equal(found[1, 0], grey[:4, :4, 0].astype(np.uint16) * 257)


@pytest.mark.parametrize(("size", "shape"), [(None, (5, 6)), (16, (16, 16)), ([3, 9], (3, 9))])
def test_pictures_of_different_sizes_become_one(size: Any, shape: tuple[int, int]):
    values = pl.Series("p", [data_of(np.full((h, w, 3), 90, np.uint8)) for h, w in ((4, 4), (5, 6), (9, 12))])
    column = Picture("p", size=size).fit(values)
    found = column.encode(values).pictures
    assert found is not None
    assert found.shape == (3, 1, *shape)
    assert (found == 90).all()


def test_large_pictures_are_made_smaller():
    values = pl.Series("p", [data_of(np.zeros((400, 800, 3), np.uint8))])
    column = Picture("p").fit(values)
    assert column.picture is not None
    assert column.picture.shape[1:] == (128, 256)


def test_it_is_saved_and_made_again_with_its_schema(folder: Path):
    frame = read_cells(folder / "table.csv").select("file")
    schema = Schema.infer(frame).fit(frame)
    again = Schema.from_json(schema.to_json())
    assert again.spec() == schema.spec()
    assert list(schema.spec().pictures) == ["picture:file"]
    one, two = schema.encode(frame), again.encode(frame)
    assert list(one) == ["picture:file"]
    assert np.array_equal(one["picture:file"], two["picture:file"])


def test_a_picture_that_cannot_be_read_is_named_with_its_row(folder: Path):
    values = read_cells(folder / "table.csv")["file"]
    column = Picture("file").fit(values)
    (folder / "images" / "3.png").write_bytes(data_of(ARRAYS[3])[:50])
    with pytest.raises(DataError, match=r"Column 'file', row 3: The picture '.*3\.png' is"):
        column.encode(values)
    (folder / "images" / "3.png").unlink()
    with pytest.raises(DataError, match=r"row 3: The picture '.*' is no file"):
        column.encode(values)


def test_more_than_fits_in_memory_is_decoded_when_it_is_needed_and_the_same(monkeypatch, tmp_path):
    path = tmp_path / "one.png"
    path.write_bytes(data_of(ARRAYS[0]))
    column = Picture("p").fit(pl.Series("p", [data_of(ARRAYS[0])]))
    cells = [str(path), None, str(path)]
    for values in (pl.Series("p", cells), pl.Series("p", [data_of(a) for a in ARRAYS[:2]])):
        held = column.encode(values).pictures
        assert isinstance(held, np.ndarray)
        with monkeypatch.context() as little:
            little.setattr(_picture, "MOST_BYTES", 0)
            lazy = column.encode(values).pictures
        assert isinstance(lazy, Lazy)
        decoded = lazy.decoded()
        assert decoded.dtype == torch.from_numpy(held).dtype
        assert np.array_equal(decoded.numpy(), held)
    monkeypatch.setattr(_picture, "MOST_BYTES", 0)
    nowhere = column.encode(pl.Series("p", [str(path), "nowhere.png"])).pictures
    with pytest.raises(DataError, match="^Row 1: Column 'p': .*nowhere.png"):
        nowhere.decoded()


def test_a_fit_on_pictures_that_do_not_fit_in_memory_is_that_of_those_that_do(monkeypatch):
    generator = np.random.default_rng(0)
    pictures = [data_of(generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(12)]
    frame = pl.DataFrame({"p": pictures, "y": [float(i % 5) for i in range(12)]})
    predicted = []
    for most in (2**20, 0):
        monkeypatch.setattr(_picture, "MOST_BYTES", most)
        settings = ct.Training(epochs=2, batch_size=4)
        learner = ct.Learner([ct.tasks.Regression("y")], columns={"p": "picture"}, training=settings)
        learner.fit(frame, validation=frame[:4], progress=False)
        predicted.append(learner.predict(frame)["y"].to_list())
    assert predicted[0] == predicted[1]


@pytest.mark.parametrize("options", [{"size": 0}, {"size": [3]}, {"size": [3, 0]}, {"channels": 2}])
def test_options_out_of_range_are_refused(options: dict[str, Any]):
    with pytest.raises(InvalidArgumentError, match="expected"):
        Picture("p", **options)


def test_a_column_without_any_picture_is_refused():
    with pytest.raises(DataError, match="no row has a picture"):
        Picture("p").fit(pl.Series("p", [None, None], dtype=pl.String))


@pytest.mark.parametrize(
    "damage", [{"shape": [2, 4, 4]}, {"shape": [3, 4]}, {"shape": [1, 0, 4]}, {"mean": []}, {"deviation": []}]
)
def test_a_damaged_schema_is_refused(damage: dict[str, Any]):
    saved = Picture("p").fit(pl.Series("p", [data_of(ARRAYS[0])])).to_json()
    with pytest.raises(DataError, match="The schema is damaged"):
        Picture.from_json({**saved, "state": {**saved["state"], **damage}})
