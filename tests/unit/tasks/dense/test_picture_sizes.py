"""Sizes of pictures by columns, or by the pictures themselves."""

from __future__ import annotations

import io

import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.tasks.dense._picture_sizes import PictureSizes

image = pytest.importorskip("PIL.Image")


def picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    image.new("RGB", (width, height)).save(file, "PNG")
    return file.getvalue()


FRAME = pl.DataFrame(
    {"y": [[1], [], None], "photo": [picture(9, 5), picture(4, 7), b"none"], "width": [3, 4, None]}
).with_columns(height=pl.col("width") * 2)


def test_columns_of_width_and_height_say_it_where_the_user_names_no_picture():
    sizes = PictureSizes("boxes", "y", None)
    assert not sizes.lacking(FRAME)
    assert sizes.of(FRAME) == [(6, 3), (8, 4), (1, 1)]


def test_the_named_picture_or_the_only_one_is_looked_at():
    without = FRAME.drop("width", "height")
    named, found = PictureSizes("boxes", "y", "photo"), PictureSizes("boxes", "y", None)
    assert named.of(FRAME) == [(5, 9), (7, 4), (1, 1)]
    assert found.lacking(without)
    with pytest.raises(DataError, match="Task 'boxes': how large a picture is is not known"):
        found.of(without)
    found.found = "photo"
    assert found.of(without) == named.of(FRAME)


@pytest.mark.parametrize("width", [None, 0])
def test_a_label_in_a_picture_of_unknown_size_is_refused_with_its_row(width):
    frame = pl.DataFrame({"y": [[1], [2]], "width": [3, width], "height": [4, 4]})
    with pytest.raises(DataError, match="row 1: the picture of the labels in 'y' has the height 4 and width"):
        PictureSizes("boxes", "y", None).of(frame)


def test_texts_that_are_empty_are_no_labels():
    assert PictureSizes("boxes", "y", None).labelled(pl.DataFrame({"y": ["[]", "", None]})) == [
        True,
        False,
        False,
    ]
