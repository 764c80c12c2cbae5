"""Labels lie in pictures the way that these are shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError
from cotrain.tasks import Task
from cotrain.training import Logger

image = pytest.importorskip("PIL.Image")
N_ROWS, TURNED = 8, 0x0112


def picture(width: int, height: int, turn: int = 1) -> bytes:
    file = io.BytesIO()
    exif = image.Exif()
    exif[TURNED] = turn
    image.new("RGB", (width, height), "red").save(file, "JPEG", exif=exif)
    return file.getvalue()


def mask(width: int, height: int) -> bytes:
    file = io.BytesIO()
    image.fromarray((np.arange(width * height).reshape(height, width) % 2).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


#: Kind -> the task, and a label in a picture of so many pixels across and down.
KINDS: dict[str, tuple[type[Task], Callable[[int, int], Any]]] = {
    "Detection": (ct.tasks.Detection, lambda *_: [{"box": [1.0, 2.0, 4.0, 6.0], "label": "cat"}]),
    "Keypoints": (ct.tasks.Keypoints, lambda *_: [{"point": [3.0, 5.0], "label": "nose"}]),
    "Segmentation": (ct.tasks.Segmentation, mask),
}


def table(kind: str, pictures: list[bytes], width: int = 20, height: int = 12) -> pl.DataFrame:
    labels = [KINDS[kind][1](width, height)] * len(pictures)
    sizes = {"width": [width] * len(pictures), "height": [height] * len(pictures)}
    return pl.DataFrame({"photo": pictures, "y": labels, "x": range(len(pictures)), **sizes})


def fit(kind: str, frame: pl.DataFrame) -> ct.Learner:
    learner = ct.Learner(
        [KINDS[kind][0]("y")],
        columns={"photo": "picture", "x": "number", "width": "drop", "height": "drop"},
        encoder=ct.networks.ConvNet((4, 4), strides=(2, 2)),
        training=ct.Training(epochs=1, batch_size=4),
    )
    return learner.fit(frame, validation=None, progress=False)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("wrong", [picture(20, 12, 6), picture(40, 24, 8), picture(12, 20)])
def test_a_picture_that_is_shown_turned_is_refused_in_training_and_later(kind: str, wrong: bytes) -> None:
    pictures = [picture(20, 12) for _ in range(N_ROWS)]
    mixed = table(kind, [*pictures[:5], wrong, *pictures[6:]])
    with pytest.raises(DataError, match=r"Task 'y', row 5: .* of 20×12 pixels, and that of 'photo' is"):
        fit(kind, mixed)
    learner = fit(kind, table(kind, pictures))
    with pytest.raises(DataError, match="row 5: .* EXIF"):
        learner.evaluate(mixed)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("right", [picture(12, 20, 6), picture(40, 24), picture(20, 12, 3), picture(16, 16)])
def test_pictures_of_other_sizes_that_stand_the_same_way_are_taken(kind: str, right: bytes) -> None:
    assert fit(kind, table(kind, [picture(20, 12), right] * 4)).tasks[0].name == "y"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_row_without_a_picture_or_a_label_is_not_looked_at(kind: str) -> None:
    frame = table(kind, [picture(20, 12)] * N_ROWS)
    gone = pl.col("x") == 5
    none, turned = pl.lit(None), picture(12, 20)
    frame = frame.with_columns(
        photo=pl.when(pl.col("x") == 4).then(none).when(gone).then(pl.lit(turned)).otherwise("photo"),
        y=pl.when(gone).then(none).otherwise("y"),
    )
    fit(kind, frame)


class Heard(Logger):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize(
    ("other", "said"),
    [((20, 20), True), ((20, 15), True), ((40, 24), False), ((10, 6), False), ((201, 120), False)],
)
def test_labels_that_are_stretched_are_told_of_with_their_row(kind: str, other: tuple[int, int], said: bool):
    pictures = [picture(20, 12)] * 9
    pictures[5] = picture(*other)
    frame = table(kind, pictures).with_columns(here=pl.Series([0, 0] + [1] * 7))
    learner = ct.Learner(
        [KINDS[kind][0]("y", when="here == 1")],
        columns={"photo": "picture", "x": "number", "width": "drop", "height": "drop", "here": "drop"},
        encoder=ct.networks.ConvNet((4, 4), strides=(2, 2)),
        training=ct.Training(epochs=1, batch_size=4),
    )
    heard = Heard()
    learner.fit(frame, validation=frame[:3], progress=False, loggers=[heard])
    wanted = (
        "the labels of 1 rows lie in a picture of another shape and are stretched to it; row 5 has 20×12 "
        f"beside {other[0]}×{other[1]}"
    )
    assert sum(wanted in message for message in heard.messages) == said


def test_a_stretched_label_is_told_with_the_source_that_its_row_is_of():
    straight, stretched = (table("Segmentation", [picture(*size)] * 6) for size in ((20, 12), (20, 20)))
    learner = ct.Learner(
        [ct.tasks.Segmentation("y")],
        columns={"photo": "picture", "x": "number", "width": "drop", "height": "drop"},
        encoder=ct.networks.ConvNet((4, 4), strides=(2, 2)),
        training=ct.Training(epochs=1, batch_size=4),
    )
    heard = Heard()
    learner.fit({"a": straight, "b": stretched}, None, progress=False, loggers=[heard])
    assert any("stretched to it; row 0 of source 'b' has 20×12" in message for message in heard.messages)
