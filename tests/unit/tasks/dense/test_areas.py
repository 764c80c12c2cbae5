"""Masks as areas with labels."""

import json

import numpy as np
import pytest

from cotrain._base import DataError
from cotrain.tasks.dense._areas import Areas
from cotrain.tasks.dense._run_lengths import runs_as_text

NUMBERS = {"background": 0, "cat": 1, "dog": 2}


def rectangle(x: float, y: float, w: float, h: float) -> list[float]:
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def area(label: str, *rectangles: tuple[float, float, float, float], **more):
    return {"label": label, "polygons": [rectangle(*one) for one in rectangles], **more}


def drawn(*areas, height=8, width=9):
    return Areas(height, width, list(areas)).draw(NUMBERS, unknown=255, strange=256)


def test_a_small_thing_lies_over_a_large_one_whichever_comes_first():
    large, small = area("cat", (0, 0, 6, 6)), area("dog", (2, 2, 2, 2))
    expected = np.zeros((8, 9), int)
    expected[:6, :6] = 1
    expected[2:4, 2:4] = 2
    for order in ((large, small), (small, large)):
        assert np.array_equal(drawn(*order), expected)


def test_of_equal_things_the_later_lies_on_top():
    one, other = area("cat", (0, 0, 3, 3)), area("dog", (1, 1, 3, 3))
    assert drawn(one, other)[2, 2] == 2
    assert drawn(other, one)[2, 2] == 1


def test_all_parts_and_all_things_of_a_label_are_its_class():
    mask = drawn(area("cat", (0, 0, 2, 2), (5, 5, 2, 2)), area("cat", (7, 0, 2, 3)))
    expected = np.zeros((8, 9), int)
    expected[:2, :2] = expected[5:7, 5:7] = expected[:3, 7:] = 1
    assert np.array_equal(mask, expected)


def test_parts_over_one_another_and_outside_are_one_area():
    mask = drawn(area("cat", (0, 0, 3, 3), (1, 1, 3, 3), (40, 0, 3, 3)))
    expected = np.zeros((8, 9), int)
    expected[:3, :3] = expected[1:4, 1:4] = 1
    assert np.array_equal(mask, expected)
    assert not drawn(area("cat", (40, 0, 3, 3), (50, 0, 3, 3))).any()


def test_a_mere_box_is_unknown_below_what_is_known():
    mask = drawn({"label": "dog", "box": [1.5, 1.0, 3.0, 20.0]}, area("cat", (0, 0, 2, 3)))
    expected = np.zeros((8, 9), int)
    expected[1:, 1:5] = 255
    expected[:3, :2] = 1
    assert np.array_equal(mask, expected)


def test_run_lengths_are_drawn_and_a_label_without_a_class_is_strange():
    runs = {"label": "bird", "polygons": None, "rle": runs_as_text([1, 2, 3]), "box": None}
    assert drawn(runs, height=2, width=3).tolist() == [[0, 256, 0], [256, 0, 0]]
    assert Areas(2, 3, [runs, {"label": "cat", "box": [0, 0, 1, 1]}]).labels == {"bird"}


def test_a_picture_without_a_thing_is_all_background():
    assert not drawn().any()
    assert drawn().shape == (8, 9)


def test_cells_are_mappings_or_their_json_and_others_are_none():
    cell = {"height": 8.0, "width": 9, "areas": [area("cat", (0, 0, 2, 2))]}
    for form in (cell, json.dumps(cell)):
        areas = Areas.of(form)
        assert areas is not None
        assert (areas.size, areas.labels) == ((8, 9), {"cat"})
    for other in ("a.png", b"\x89PNG", {"bytes": b"", "path": "a.png"}, np.zeros((2, 2), int), None, [[1]]):
        assert Areas.of(other) is None


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ('{"height": 8, "areas": [', "is no JSON"),
        ({"height": 0, "width": 4, "areas": []}, "height or width 0, expected pixels"),
        ({"height": 2.5, "width": 4, "areas": []}, "height or width 2.5"),
        ({"height": 2, "width": 4, "areas": "x"}, "are of another form"),
        ({"height": 2, "width": 4, "areas": [{"label": "cat"}]}, "are of another form"),
        ({"height": 2, "width": 4, "areas": [{"label": None, "rle": "8"}]}, "are of another form"),
        ({"height": 2, "width": 4, "areas": [{"label": "a", "polygons": []}]}, "are of another form"),
        ({"height": 2, "width": 4, "areas": [{"label": "a", "polygons": [[1, 2, 3, 4]]}]}, "another form"),
        ({"height": 2, "width": 4, "areas": [{"label": "a", "box": [0, 0, 1, float("nan")]}]}, "another"),
    ],
)
def test_other_forms_are_refused_in_a_sentence(cell, message):
    with pytest.raises(DataError, match=message) as error:
        Areas.of(cell)
    assert "\n" not in str(error.value)


def test_a_picture_of_unknown_size_is_refused():
    with pytest.raises(DataError, match="fill in height and width"):
        drawn(height=None)
