import io

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison.runs._disagreements import disagreements_of

pytest.importorskip("PIL", reason="the extra 'vision' is not installed")


def learner_of(n_pictures=1):
    draw = np.random.default_rng(0)
    pictures = [draw.integers(0, 255, (16, 16, 3), dtype=np.uint8) for _ in range(8)]
    frame = pl.DataFrame(
        {
            "photo": pl.Series(pictures, dtype=pl.Object),
            **({"other": pl.Series(pictures, dtype=pl.Object)} if n_pictures == 2 else {}),
            "mask": pl.Series([(one[:, :, 0] > 128).astype(np.uint8) for one in pictures], dtype=pl.Object),
            "boxes": [[{"box": [2, 3, 5, 6], "label": "cat"}]] * 8,
        }
    )
    places = ("photo", "other") if n_pictures == 2 else (None, "photo")
    learner = ct.Learner(
        [
            ct.tasks.Segmentation("mask", classes=["ground", "red"], picture=places[0]),
            ct.tasks.Detection("boxes", picture=places[1], least=0.0),
        ],
        columns={"photo": "picture"} | ({"other": "picture"} if n_pictures == 2 else {}),
        training=ct.Training(epochs=1, batch_size=8),
    )
    return learner.fit(frame, validation=None, progress=False), frame


def png(mask):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(mask).save(file, format="PNG")
    return file.getvalue()


def test_the_counts_are_those_of_a_walk_over_all_pixels(monkeypatch):
    learner, frame = learner_of()
    draw = np.random.default_rng(1)
    masks = [(draw.random((16, 16)) < 0.04).astype(np.uint8) for _ in range(8)]
    boxes = [
        [{"box": [*draw.uniform(-2, 12, 2), *draw.uniform(0.5, 6, 2)], "label": "cat", "score": 0.5}]
        * (i % 3)
        for i in range(8)
    ]
    said = pl.DataFrame({"mask": [png(mask) for mask in masks], "boxes": boxes})
    monkeypatch.setattr(type(learner), "predict", lambda self, rows: said)
    (found,) = disagreements_of(learner, frame, np.arange(8) + 100)
    empty, outside = {}, 0
    for i in range(8):
        covered = np.zeros((16, 16), bool)
        for one in boxes[i]:
            x, y, w, h = one["box"]
            touched = [(r, c) for r in range(16) for c in range(16)
                       if x < c + 1 and c < x + w and y < r + 1 and r < y + h]  # fmt: skip
            empty[i + 100] = empty.get(i + 100, 0) + (not any(masks[i][at] for at in touched))
            for at in touched:
                covered[at] = True
        outside += int(((masks[i] == 1) & ~covered).sum())
    assert found["n_boxes"] == sum(map(len, boxes))
    assert found["empty_boxes"] == sum(empty.values()) > 0
    assert found["n_pixels"] == sum(int(mask.sum()) for mask in masks)
    assert found["outside"] == outside > 0
    assert (found["boxes"], found["mask"], found["ground"]) == ("boxes", "mask", "ground")
    worst = max(empty.values())
    assert found["rows"]
    assert empty[found["rows"][0]] == worst
    assert all(empty[number] for number in found["rows"])
    assert len(found["rows"]) <= 5


def test_tasks_of_two_pictures_are_not_compared_and_no_rows_have_nothing():
    learner, frame = learner_of(2)
    assert disagreements_of(learner, frame, np.arange(8)) == []
    learner, frame = learner_of()
    assert disagreements_of(learner, frame[:0], np.arange(0)) == []
    assert len(disagreements_of(learner, frame, np.arange(8))) == 1
    assert disagreements_of(learner, frame.drop("mask", "boxes"), np.arange(8))[0]["n_boxes"] >= 0


def test_a_learner_of_numbers_is_not_asked(monkeypatch):
    frame = pl.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0, 4.0]})
    learner = ct.Learner([ct.tasks.Regression("y")], training=ct.Training(epochs=1, batch_size=4))
    learner.fit(frame, validation=None, progress=False)
    monkeypatch.setattr(type(learner), "predict", lambda self, rows: pytest.fail("asked"))
    assert disagreements_of(learner, frame, np.arange(4)) == []
