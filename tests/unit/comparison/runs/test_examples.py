import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError
from cotrain.comparison import train_run
from cotrain.comparison.runs import _examples
from cotrain.comparison.runs._examples import MOST, WORST, columns_of, examples_of
from cotrain.learner import Configuration


@pytest.fixture(scope="module")
def table_learner():
    rows = range(60)
    frame = pl.DataFrame(
        {
            "x": [i / 30 for i in rows],
            "price": [2.0 * i if i % 3 else None for i in rows],
            "big": [None if i == 7 else "yes" if i >= 30 else "no" for i in rows],
        }
    )
    tasks = [ct.tasks.Regression("price"), ct.tasks.Binary("big")]
    made = ct.Learner(tasks, training=ct.Training(epochs=2, batch_size=16))
    return made.fit(frame, validation=None, progress=False), frame


def test_the_worst_rows_of_a_table_are_those_with_the_largest_errors(table_learner):
    learner, frame = table_learner
    found = examples_of(learner, frame, np.arange(60) + 100)
    assert found["rows"] == []
    assert set(found["worst"]) == {"price", "big"}
    error = (learner.predict(frame)["price"] - frame["price"]).abs().to_numpy()
    order = np.argsort(-np.nan_to_num(error, nan=-1), kind="stable")[:WORST]
    assert [row["row"] for row in found["worst"]["price"]] == (order + 100).tolist()
    first = found["worst"]["price"][0]
    assert first["value"] == pytest.approx(error[order[0]], rel=1e-4)
    assert float(first["tasks"]["price"]["true"]["text"]) == frame["price"][int(order[0])]
    assert first["beside"]["x"] == f"{frame['x'][int(order[0])]:.4g}"
    json.dumps(found, allow_nan=False)


def test_a_task_is_never_judged_on_rows_that_it_has_no_label_on(table_learner):
    learner, frame = table_learner
    found = examples_of(learner, frame, np.arange(60))
    labels = frame["price"].to_list()
    assert all(labels[row["row"]] is not None for row in found["worst"]["price"])
    shown = {row["row"]: row for rows in found["worst"].values() for row in rows}
    for number, row in shown.items():
        assert (row["tasks"]["price"]["true"] is None) == (labels[number] is None)
        assert row["tasks"]["price"]["predicted"] is not None


def test_no_rows_and_rows_without_any_label_give_nothing(table_learner):
    learner, frame = table_learner
    assert examples_of(learner, frame[:0], np.arange(0))["worst"] == {}
    bare = frame.with_columns(price=pl.lit(None, pl.Float64), big=pl.lit(None, pl.String))
    assert examples_of(learner, bare, np.arange(60))["worst"] == {}


@pytest.fixture(scope="module")
def picture_learner():
    pytest.importorskip("PIL", reason="the extra 'vision' is not installed")
    draw = np.random.default_rng(0)
    n = 24
    pictures = [draw.integers(0, 255, (16, 16, 3), dtype=np.uint8) for _ in range(n)]
    masks = [None if i % 3 == 0 else (pictures[i][:, :, 0] > 128).astype(np.uint8) for i in range(n)]
    boxes = [None if i % 4 == 0 else [{"box": [2, 3, 5, 6], "label": "cat"}] for i in range(n)]
    depth = [pictures[i][:, :, 1] / 50.0 + 1.0 for i in range(n)]
    frame = pl.DataFrame(
        {
            "photo": pl.Series(pictures, dtype=pl.Object),
            "mask": pl.Series(masks, dtype=pl.Object),
            "depth": pl.Series(depth, dtype=pl.Object),
            "boxes": boxes,
            "kind": [["a", "b"][i % 2] for i in range(n)],
        }
    )
    learner = ct.Learner(
        [
            ct.tasks.Segmentation("mask", classes=["dark", "red"]),
            ct.tasks.Detection("boxes", picture="photo", least=0.0),
            ct.tasks.DenseRegression("depth"),
            ct.tasks.Multiclass("kind"),
        ],
        columns={"photo": "picture"},
        training=ct.Training(epochs=1, batch_size=8),
    )
    return learner.fit(frame, validation=None, progress=False), frame


def test_pictures_are_shown_with_all_that_they_have_beside_what_is_predicted(picture_learner):
    learner, frame = picture_learner
    found = examples_of(learner, frame, np.arange(24))
    json.dumps(found, allow_nan=False)
    numbers = [row["row"] for row in found["rows"]]
    assert len(set(numbers)) == len(numbers) <= MOST
    assert {row["task"] for row in found["rows"]} == {"mask", "boxes", "depth", "kind"}
    labels = {name: [cell is not None for cell in frame[name].to_list()] for name in ("mask", "boxes")}
    for row in found["rows"]:
        assert row["inputs"]["photo"]["width"] == 16
        for name, there in labels.items():
            assert (row["tasks"][name]["true"] is not None) == there[row["row"]]
            assert row["tasks"][name]["predicted"] is not None
        kinds = {name: answer["predicted"]["kind"] for name, answer in row["tasks"].items()}
        assert kinds == {"mask": "mask", "boxes": "boxes", "depth": "field", "kind": "text"}
    shown = {row["task"] for row in found["rows"] if row["which"] == "worst"}
    assert shown == {"mask", "boxes", "depth", "kind"}


def test_examples_stop_where_there_is_no_more_room(picture_learner, monkeypatch):
    learner, frame = picture_learner
    one = len(json.dumps(examples_of(learner, frame, np.arange(24))["rows"][0]))
    monkeypatch.setattr(_examples, "MOST_CHARACTERS", one + 10)
    assert len(examples_of(learner, frame, np.arange(24))["rows"]) == 1


def test_a_row_without_a_picture_is_shown_as_such(picture_learner):
    learner, frame = picture_learner
    part = frame[[1, 2]].with_columns(photo=pl.Series([None, frame["photo"][2]], dtype=pl.Object))
    found = examples_of(
        learner, part.with_columns(boxes=pl.Series([None, None], dtype=frame["boxes"].dtype)), np.arange(2)
    )
    assert {row["row"]: row["inputs"]["photo"] is None for row in found["rows"]} == {0: True, 1: False}


def test_what_cannot_be_read_is_a_sentence(picture_learner):
    learner, frame = picture_learner
    part = frame[[1]].with_columns(photo=pl.Series(["nowhere.png"], dtype=pl.Object))
    with pytest.raises(DataError, match=r"nowhere\.png.* is no file"):
        examples_of(learner, part, np.arange(1))


def test_columns_are_told_with_their_kinds_and_what_is_missing(table_learner):
    learner, frame = table_learner
    gaps = frame.with_columns(x=pl.when(pl.int_range(60) % 4 > 0).then(pl.col("x")))
    assert columns_of(learner, gaps) == [{"name": "x", "kind": "number", "missing": 0.25}]
    as_text = gaps.with_columns(x=pl.col("x").cast(pl.String).fill_null("?"))
    assert columns_of(learner, as_text)[0]["missing"] == 0.25  # what counts as missing is one list


def test_a_folder_that_keeps_no_rows_holds_none_of_their_cells(tmp_path: Path):
    # Words of a text may be in the vocabulary; the text itself is nobody's.
    texts = [f"person {i} was seen in room {i * 7}" for i in range(120)]
    frame = pl.DataFrame({"who": texts, "y": [1000.5 + i for i in range(120)]})
    frame.write_csv(tmp_path / "people.csv")
    for kept in (True, False):
        job = Configuration.from_config(
            {
                "data": str(tmp_path / "people.csv"),
                "tasks": [{"kind": "Regression", "name": "y"}],
                "columns": {"who": "text"},
                "training": {"epochs": 1},
                "references": "constant",
                "keep_rows": kept,
            }
        )
        assert Configuration.from_config(job.config()).keep_rows is kept
        folder = tmp_path / f"run_{kept}"
        train_run(job, folder, progress=False)
        held = "".join(file.read_text() for file in folder.glob("*.json"))
        assert any(text in held for text in texts) is kept
        found = json.loads((folder / "examples.json").read_text())
        assert bool(found["worst"]) is kept
        assert found["tasks"] == {"y": {"classes": []}}
        assert [column["name"] for column in found["columns"]] == ["who"]


def test_words_stand_as_a_sentence_and_tags_as_a_list():
    frame = pl.DataFrame(
        {
            "words": [["dogs", "bark"], ["cats", "sleep", "much"]] * 12,
            "label": ["a", "b"] * 12,
        }
    )
    learner = ct.Learner(
        [ct.tasks.Multiclass("label")], columns={"words": "words"}, training=ct.Training(epochs=1)
    ).fit(frame, None, progress=False)
    found = examples_of(learner, frame, np.arange(24))
    assert {row["beside"]["words"] for row in found["worst"]["label"]} <= {"dogs bark", "cats sleep much"}
