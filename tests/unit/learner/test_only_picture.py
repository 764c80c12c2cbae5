import io

import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError

image = pytest.importorskip("PIL.Image")


def picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    image.new("RGB", (width, height), "red").save(file, "PNG")
    return file.getvalue()


def table(n: int = 12) -> pl.DataFrame:
    sizes = [(16 + 4 * (i % 2), 12) for i in range(n)]
    return pl.DataFrame(
        {
            "photo": [picture(*size) for size in sizes],
            "price": [float(i) for i in range(n)],
            "things": [[{"box": [1.0, 2.0, 4.0, 6.0], "label": "cat"}] if i % 3 else [] for i in range(n)],
        }
    )


def learner(**options) -> ct.Learner:
    return ct.Learner(
        [ct.tasks.Detection("things", **options)],
        encoder=ct.networks.ConvNet((4, 4), strides=(2, 2)),
        training=ct.Training(epochs=1, batch_size=4),
    )


def test_boxes_lie_in_the_only_picture_where_nobody_says(tmp_path):
    rows = table()
    told = learner(picture="photo").fit(rows, validation=None, progress=False)
    found = learner().fit(rows, validation=None, progress=False, run=tmp_path / "run")
    coded = [made.preprocessor.tasks[0].encode(rows)[0] for made in (told, found)]
    assert coded[0].equal(coded[1])
    assert coded[1][1, 0, 2].item() == pytest.approx(4 / 20)
    # In another process, from the run.
    again = ct.Learner.load(tmp_path / "run")
    assert again.preprocessor.tasks[0].encode(rows)[0].equal(coded[0])
    assert again.tasks[0].picture is None
    assert again.evaluate(rows).value("things", "map") == found.evaluate(rows).value("things", "map")


def test_of_two_columns_of_pictures_the_user_says_which():
    rows = table().with_columns(side=pl.col("photo"))
    with pytest.raises(DataError, match="how large a picture is is not known: .*picture="):
        learner().fit(rows, validation=None, progress=False)
    one = learner()
    one.columns = {"side": "drop"}
    one.fit(rows, validation=None, progress=False)


def test_columns_of_width_and_height_come_first():
    rows = table().with_columns(width=pl.lit(40), height=pl.lit(24))
    made = learner()
    made.columns = {"width": "drop", "height": "drop"}
    made.fit(rows, validation=None, progress=False)
    assert made.preprocessor.tasks[0].encode(rows)[0][1, 0, 2].item() == pytest.approx(4 / 40)
