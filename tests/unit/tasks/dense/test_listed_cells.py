"""Lists in cells, and what is none."""

from __future__ import annotations

import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError
from cotrain.tasks.dense._listed_cells import flag, listed_cells


def test_lists_and_their_json_are_the_same():
    things = [[{"box": [1.0, 2.0], "label": "a"}], [], None]
    texts = ['[{"box": [1.0, 2.0], "label": "a"}]', "[]", ""]
    assert listed_cells(pl.Series("y", things), "y", "boxes") == things
    assert listed_cells(pl.Series("y", texts), "y", "boxes") == things


@pytest.mark.parametrize("kind", [ct.tasks.Detection, ct.tasks.Keypoints])
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("nonsense", "row 1: 'nonsense' is no JSON .*, expected a list of"),
        ('{"box": [1, 2, 3, 4]}', "row 1: .* is no list, expected a list of"),
        ("[1, 2]", "row 1: 1 is no "),
        ('[{"box": "x", "point": "x", "label": "a"}]', "row 1: .* is no (box|point), expected"),
        (
            '[{"box": [1, 2, 3, NaN], "point": [1, NaN], "label": "a"}]',
            "row 1: .* is no (box|point), expected",
        ),
    ],
)
def test_what_is_no_list_of_things_is_refused_with_its_row(kind, cell, said):
    frame = pl.DataFrame({"y": ["[]", cell], "width": [9, 9], "height": [9, 9]})
    with pytest.raises(DataError, match=f"Task 'y', {said}"):
        kind("y").fit(frame)


def test_a_column_of_numbers_is_no_list():
    with pytest.raises(DataError, match="row 0: '3' is no list, expected a list of boxes"):
        listed_cells(pl.Series("y", [3]), "y", "boxes")


@pytest.mark.parametrize(("kind", "things"), [(ct.tasks.Detection, "boxes"), (ct.tasks.Keypoints, "points")])
@pytest.mark.parametrize(("scale", "refused"), [(0.1, True), (1, False), (3.5, False)])
def test_parts_of_a_picture_are_no_pixels(kind, things, scale, refused):
    cells = [
        [{"box": [v, v, 2 * v, v], "point": [v, v], "label": "a"}] for v in (scale, 2 * scale, 3 * scale)
    ]
    frame = pl.DataFrame({"y": cells, "width": [99] * 3, "height": [99] * 3})
    if refused:
        with pytest.raises(DataError, match=f"all numbers of its 3 {things} lie between 0 and 1"):
            kind("y").fit(frame)
        return
    task = kind("y")
    task.fit(frame)
    smallest = pl.DataFrame(
        {"y": [[{"box": [0, 0, 1, 1], "point": [0, 1], "label": "a"}]], "width": [9], "height": [9]}
    )
    task.encode(smallest)


@pytest.mark.parametrize("said", ["false", "False", 0, 0.0, "0", False])
def test_no_is_no_however_it_is_written(said):
    box = {"box": [1.0, 1.0, 2.0, 2.0], "label": "a", "crowd": said}
    point = {"point": [1.0, 1.0], "label": "a", "visible": said}
    sizes = {"width": [9], "height": [9]}
    task = ct.tasks.Detection("y")
    task.fit(pl.DataFrame({"y": [[box]], **sizes}))
    assert task.encode(pl.DataFrame({"y": [[box]], **sizes}))[0][0, 0, 5] == 0
    with pytest.raises(DataError, match="none of 1 rows has a point"):
        ct.tasks.Keypoints("y", hidden=False).fit(pl.DataFrame({"y": [[point]], **sizes}))


def test_what_is_neither_yes_nor_no_is_refused_with_its_row():
    assert flag({}, "crowd", 0, "y", otherwise=True)
    with pytest.raises(DataError, match="Task 'y', row 3: crowd is 'maybe', expected true or false"):
        flag({"crowd": "maybe"}, "crowd", 3, "y", otherwise=False)
