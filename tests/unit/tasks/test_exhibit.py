import json

import numpy as np
import polars as pl
import pytest

from cotrain._base._sounds import wav_bytes
from cotrain.tasks import (
    DenseRegression,
    Detection,
    Exhibiting,
    Multiclass,
    Segmentation,
    Synthesis,
    Transcription,
)
from cotrain.tasks.dense._fields import field_bytes
from cotrain.tasks.dense._masks import mask_bytes


def test_pixels_without_a_label_are_told_apart_in_labels_and_never_in_predictions():
    task = Segmentation("mask", classes=["ground", "tree"], ignore=7)
    cell = mask_bytes(np.array([[0, 1, 7]]))
    assert task.exhibit(cell, label=True).array.tolist() == [[0, 1, -1]]
    assert task.exhibit(cell, label=False).array.tolist() == [[0, 1, 7]]


@pytest.mark.parametrize("quantity", ["depth", "values"])
def test_labels_of_fields_have_the_unit_that_predictions_have(quantity):
    task = DenseRegression("depth", quantity=quantity, unit=1000, ignore=-1)
    label = task.exhibit(np.array([[2000.0, -1.0, np.nan]]), label=True).array
    assert np.array_equal(label, [[2.0, np.nan, np.nan]], equal_nan=True)
    said = task.exhibit(field_bytes(np.array([[[2.0, 0.5]]])), label=False).array
    assert said.tolist() == [[2.0, 0.5]]


def test_directions_without_a_direction_are_not_labelled():
    task = DenseRegression("normals", quantity="normals")
    shown = task.exhibit(np.array([[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]), label=True).array
    assert shown.shape == (3, 1, 2)
    assert np.isnan(shown[:, 0, 1]).all()
    assert shown[2, 0, 0] == 1.0


def test_boxes_are_read_from_lists_and_from_their_text_and_scores_stay():
    task = Detection("boxes")
    boxes = [{"box": [1, 2, 3, 4], "label": "cat"}]
    for cell in (boxes, json.dumps(boxes)):
        found = task.exhibit(cell, label=True).boxes
        assert [(box["box"], box["label"]) for box in found] == [([1.0, 2.0, 3.0, 4.0], "cat")]
    said = [{"box": [1.0, 2.0, 3.0, 4.0], "label": "cat", "score": 0.5}]
    assert task.exhibit(said, label=False).boxes == said
    assert task.exhibit("[]", label=True).boxes == []


def test_a_text_that_stands_for_silence_is_no_word():
    task = Transcription("said", empty="<silence>")
    assert [task.exhibit(cell, label=True).text for cell in ("<silence>", " two   words ")] == [
        "",
        "two words",
    ]


def test_a_sound_has_samples_and_frames():
    tone = np.sin(np.arange(4000) / 5)
    task = Synthesis("voice", "file", given=["text"])
    task.fit(pl.DataFrame({"file": pl.Series([(tone, 8000)], dtype=pl.Object), "text": ["oh"]}))
    for cell, label in (((tone, 8000), True), (wav_bytes(tone, 8000), False)):
        shown = task.exhibit(cell, label=label)
        assert (len(shown.samples), shown.rate, shown.array.shape) == (4000, 8000, (51, 40))


def test_who_has_more_than_a_text_says_so():
    assert not isinstance(Multiclass("genre"), Exhibiting)
    assert all(
        isinstance(task, Exhibiting) for task in (Segmentation("m"), Detection("b"), Transcription("t"))
    )
