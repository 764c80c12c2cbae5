"""One table in several files."""

import json

import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import read_cells, read_table
from cotrain.data._merge import merge_files


def test_files_of_equal_columns_have_more_rows():
    a = pl.DataFrame({"x": [1, 2], "y": ["u", None]})
    b = pl.DataFrame({"y": ["v"], "x": [3.5]})
    assert merge_files([("a", a), ("b", b)]).rows() == [(1.0, "u"), (2.0, None), (3.5, "v")]


def test_a_column_without_a_value_takes_the_type_of_the_others():
    a = pl.DataFrame({"x": [None, None]})
    b = pl.DataFrame({"x": [[1], None]})
    assert merge_files([("a", a), ("b", b)])["x"].to_list() == [None, None, [1], None]


def test_other_files_know_more_of_the_rows_which_keep_their_places():
    first = pl.DataFrame({"id": ["3", "1", "2", "1", None]})
    more = pl.DataFrame({"id": [1, 3], "size": [10.0, 30.0]})
    other = pl.DataFrame({"id": ["2"], "name": ["two"]})
    assert merge_files([("a", first), ("b", more), ("c", other)]).rows() == [
        ("3", 30.0, None),
        ("1", 10.0, None),
        ("2", None, "two"),
        ("1", 10.0, None),
        (None, None, None),
    ]


def test_rows_belong_together_by_all_columns_that_both_have():
    first = pl.DataFrame({"day": [1, 1, 2], "shop": ["a", "b", "a"], "sold": [5, 6, 7]})
    more = pl.DataFrame({"shop": ["a", "b"], "day": [2, 1], "rain": [True, False]})
    assert merge_files([("a", first), ("b", more)])["rain"].to_list() == [None, False, True]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"z": [1]}, "b and a share no column"),
        (
            {"id": ["1", "1"], "z": [1, 2]},
            "b has 2 rows that are not the only ones of their 'id'",
        ),
        ({"id": ["1", "9"], "z": [1, 2]}, "1 of 2 rows of b have a 'id' that a does not have, such as '9'"),
    ],
)
def test_what_does_not_go_together_is_refused(more, message):
    first = pl.DataFrame({"id": ["1", "2"], "y": [0, 1]})
    with pytest.raises(DataError, match=message):
        merge_files([("a", first), ("b", pl.DataFrame(more))])


def test_lists_and_other_values_in_one_column_are_refused():
    with pytest.raises(DataError, match="'x' has lists in one"):
        merge_files([("a", pl.DataFrame({"x": [[1]]})), ("b", pl.DataFrame({"x": [1]}))])


def test_the_boxes_of_coco_files_come_to_the_table_of_the_pictures(tmp_path):
    """A picture without an annotation is empty; one that no file with annotations lists is unlabelled."""
    (tmp_path / "t.csv").write_text("file,stain\nimages/c.png,x\nimages/a.png,y\nimages/b.png,\n")
    pictures = [{"id": n, "file_name": f"{name}.png", "width": 9, "height": 9} for n, name in enumerate("ab")]
    boxes = [{"image_id": 0, "category_id": 7, "bbox": [1, 2, 3, 4]}]
    document = {"images": pictures, "categories": [{"id": 7, "name": "cell"}], "annotations": boxes}
    (tmp_path / "instances.json").write_text(json.dumps(document))
    (tmp_path / "info.json").write_text(json.dumps({"images": [{"id": 5, "file_name": "c.png"}]}))
    paths = [tmp_path / name for name in ("t.csv", "instances.json", "info.json")]
    for read in (read_cells, read_table):
        frame = read(paths)
        assert frame["file"].to_list() == ["images/c.png", "images/a.png", "images/b.png"]
        counts = [None if cell is None else len(cell) for cell in frame["boxes"].to_list()]
        assert counts == [None, 1, 0]


def coco_file(folder, name: str, numbers: range, *, outlines: bool = False, looked: bool = True) -> str:
    images = [{"id": n, "file_name": f"{n}.png", "width": 9, "height": 9} for n in numbers]
    outline = {"segmentation": [[1, 2, 4, 2, 4, 6]]} if outlines else {}
    annotations = [{"image_id": n, "category_id": 7, "bbox": [1, 2, 3, 4], **outline} for n in numbers]
    document = {"images": images, "categories": [{"id": 7, "name": "cell"}]}
    path = folder / name
    path.write_text(json.dumps({**document, "annotations": annotations} if looked else document))
    return str(path)


def test_coco_documents_are_rows_of_one_table_whether_they_have_outlines_or_not(tmp_path):
    outlined = coco_file(tmp_path, "outlined.json", range(2), outlines=True)
    boxed, unseen = (
        coco_file(tmp_path, "boxed.json", range(2, 5)),
        coco_file(tmp_path, "u.json", range(5, 9), looked=False),
    )
    for files in ([outlined, boxed, unseen], [unseen, boxed, outlined]):
        frame = read_cells(files).sort("file")
        assert frame["boxes"].is_null().to_list() == [False] * 5 + [True] * 4
        assert frame["mask"].is_null().to_list() == [False] * 2 + [True] * 7
    assert "mask" not in read_cells([boxed, unseen]).columns
    pictures = tmp_path / "pictures.csv"
    pictures.write_text("file,stain\n" + "".join(f"{n}.png,pink\n" for n in range(9)))
    frame = read_cells([str(pictures), unseen, outlined])
    assert (frame.height, frame["mask"].null_count()) == (9, 7)


def test_one_picture_in_documents_of_different_columns_is_refused(tmp_path):
    files = [
        coco_file(tmp_path, "a.json", range(2)),
        coco_file(tmp_path, "b.json", range(1, 3), outlines=True),
    ]
    with pytest.raises(DataError, match=r"b.json and .*a.json both list the picture '.*1.png'"):
        read_cells(files)


def test_a_mask_of_the_table_is_not_overwritten_by_that_of_a_document(tmp_path):
    document = coco_file(tmp_path, "a.json", range(2), outlines=True)
    pictures = tmp_path / "pictures.csv"
    pictures.write_text("file,mask\n0.png,mask0.png\n1.png,mask1.png\n")
    for files in ([str(pictures), document], [document, str(pictures)]):
        with pytest.raises(
            DataError, match="both have a column 'mask', .*: rename it in one of them"
        ) as error:
            read_cells(files)
        assert "\n" not in str(error.value)
