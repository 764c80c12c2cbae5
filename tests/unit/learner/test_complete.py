from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain.data import TypedTable
from cotrain.learner import complete
from cotrain.learner._complete import _as


@pytest.fixture(scope="module")
def fitted() -> tuple[ct.Learner, pl.DataFrame]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=200)
    known = np.arange(200) % 2 == 0
    frame = pl.DataFrame(
        {
            "x": x,
            "side": [("right" if v > 0 else "left") if k else None for v, k in zip(x, known, strict=True)],
            "size": [2 * v if k else None for v, k in zip(x, known, strict=True)],
            "rank": [int(v > 0) + int(v > 1) if k else None for v, k in zip(x, known, strict=True)],
        }
    )
    tasks = [ct.tasks.Binary("side"), ct.tasks.Regression("size"), ct.tasks.Ordinal("rank")]
    learner = ct.Learner(
        tasks,
        encoder=ct.networks.TableEncoder(16, 1, numbers="plain"),
        training=ct.Training(40, 32, learning_rate=1e-2, select="combined"),
    )
    return learner.fit(frame, 0.2, progress=False), frame


def test_given_cells_stay_and_empty_ones_are_filled(fitted):
    learner, frame = fitted
    table = complete(learner, frame)
    for column in ("side", "size", "rank"):
        given = frame[column].is_not_null()
        assert table[column].filter(given).equals(frame[column].filter(given))
        assert table[column].null_count() == 0
        assert table[f"{column}_source"].to_list() == ["given" if g else "predicted" for g in given]
    assert table["side_confidence"].filter(frame["side"].is_not_null()).null_count() == 100
    assert table["side_confidence"].filter(frame["side"].is_null()).min() >= 0.5
    # Of all numbers the same: how many of the held-out ones were predicted within half a standard deviation.
    assert table["size_confidence"].null_count() == 100
    assert table["size_confidence"].drop_nulls().n_unique() == 1
    assert table["size_confidence"].max() > 0.8
    truth = (frame["x"] > 0).to_numpy()
    assert ((table["side"] == "right").to_numpy() == truth).mean() > 0.9


def test_what_is_not_sure_enough_stays_open(fitted):
    learner, frame = fitted
    table = complete(learner, frame, min_confidence=0.9)
    is_open = table["side_source"] == "open"
    assert is_open.any()
    assert table["side"].filter(is_open).null_count() == is_open.sum()
    assert table["side_confidence"].filter(is_open).max() < 0.9


def test_a_target_column_may_be_absent(fitted):
    learner, frame = fitted
    table = complete(learner, frame.select("x"))
    assert table.columns[:2] == ["x", "side"]
    assert set(table["side_source"]) == {"predicted"}


def test_a_share_out_of_range_is_refused(fitted):
    with pytest.raises(InvalidArgumentError, match="expected a number"):
        complete(*fitted, min_confidence=1.5)


def half_known(n: int = 300, seed: int = 0, flipped: float = 0.0) -> tuple[pl.DataFrame, np.ndarray]:
    """Return a table with a quarter of the labels, and the truth; some labels are the wrong way round."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 4))
    truth = x.sum(axis=1) > 0
    said = truth ^ (generator.random(n) < flipped)
    known = np.arange(n) % 4 == 0
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(4)}).with_columns(
        pl.Series(
            "side", [("right" if v else "left") if k else None for v, k in zip(said, known, strict=True)]
        ),
        pl.Series("size", [float(v) if k else None for v, k in zip(x.sum(axis=1), known, strict=True)]),
    )
    return frame, truth


@pytest.fixture(scope="module")
def co_trained(tmp_path_factory) -> tuple[ct.Learner, pl.DataFrame]:
    frame, _ = half_known()
    learner = ct.Learner(
        [ct.tasks.Binary("side"), ct.tasks.Regression("size")],
        encoder=ct.networks.TableEncoder(16, 1),
        cotraining=ct.CoTraining(ct.cotraining.Committee(2), 2, updates=20, margin=0.0),
        training=ct.Training(epochs=6, batch_size=64, learning_rate=5e-3, select="combined"),
    )
    folder = tmp_path_factory.mktemp("runs") / "run"
    learner.fit(frame, half_known(100, seed=1)[0], run=folder, progress=False)
    return ct.Learner.load(folder), frame


def test_cells_that_co_training_labelled_say_when_and_by_whom(co_trained):
    learner, frame = co_trained
    table = complete(learner, frame)
    pseudo = table.filter(pl.col("side_source") == "pseudo")
    assert pseudo.height > 20
    assert set(table["side_source"]) <= {"given", "pseudo", "predicted"}
    assert set(pseudo["side_round"]) <= {1, 2}
    assert set(pseudo["side_teacher"]) == {"network 1, network 2"}
    others = table.filter(pl.col("side_source") != "pseudo")
    assert others["side_round"].null_count() == others["side_teacher"].null_count() == others.height
    assert pseudo["side_confidence"].min() >= 0.5
    # The same rows in another order, without their labels, are known by their inputs.
    again = complete(learner, frame.reverse().drop("side", "size")).reverse()
    known = table["side_source"] == "pseudo"
    assert again.filter(known)["side_source"].to_list() == ["pseudo"] * pseudo.height
    assert again.filter(known)["side_confidence"].equals(pseudo["side_confidence"])


def test_rows_that_were_not_in_the_training_are_predicted(co_trained):
    learner, _ = co_trained
    strange = half_known(50, seed=7)[0].drop("side", "size")
    assert set(complete(learner, strange)["side_source"]) == {"predicted"}


def test_the_confidence_is_that_which_held_out_rows_bear_out():
    """A fifth of the labels is wrong: a network that has learned the rest by heart must not claim .99."""
    frame, _ = half_known(400, flipped=0.2)
    learner = ct.Learner([ct.tasks.Binary("side")], training=ct.Training(60, 64, select="last", average=0.0))
    learner.fit(frame.drop("size"), half_known(400, seed=1, flipped=0.2)[0].drop("size"), progress=False)
    held, truth = half_known(400, seed=2, flipped=0.2)
    table = complete(learner, held.drop("side", "size"))
    flips = np.random.default_rng(5).random(400) < 0.2
    right = float(((table["side"] == "right").to_numpy() == (truth ^ flips)).mean())
    claimed = float(table["side_confidence"].mean())
    raw_outputs = learner.fitted.networks.outputs(learner.preprocessor.inputs(held))
    raw = float(learner.preprocessor.tasks[0].confidence(raw_outputs["side"]).mean())
    assert abs(claimed - right) < 0.08 < raw - right


def test_without_held_out_rows_numbers_say_nothing_of_their_confidence():
    frame, _ = half_known(80)
    learner = ct.Learner([ct.tasks.Regression("size")], training=ct.Training(epochs=1))
    learner.fit(frame.drop("side"), None, progress=False)
    table = complete(learner, frame, min_confidence=0.9)
    assert table["size_confidence"].null_count() == 80
    assert table["size"].null_count() == 0


def test_cells_of_a_file_come_back_letter_for_letter(tmp_path: Path) -> None:
    rows = [f"{i:05d},{i % 3}.50,{'NA' if i % 4 else ' x '},{'yes' if i % 2 else 'no'}" for i in range(60)]
    rows[7] = "00007,1.50,NA,"
    path = tmp_path / "t.csv"
    path.write_text("zip,price,note,y\n" + "\n".join(rows) + "\n")
    learner = ct.Learner([ct.tasks.Binary("y")], training=ct.Training(epochs=1))
    completed = complete(learner.fit(path, validation=0.2, progress=False), path)
    lines = completed.select("zip", "price", "note", "y").write_csv().splitlines()[1:]
    assert [line for i, line in enumerate(lines) if i != 7] == [row for i, row in enumerate(rows) if i != 7]
    assert lines[7].startswith("00007,1.50,NA,")
    assert lines[7].split(",")[3] in ("yes", "no")


def test_given_cells_and_the_other_columns_stay_to_the_last_bit():
    """200 random tables: columns of every type, given cells anywhere, rows where `when` does not hold."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=120)
    train = pl.DataFrame({"x": x, "k": (x > 0).astype(int), "n": (10 * x).round()}).with_columns(
        pl.col("n").cast(pl.Int64), c=pl.Series(np.where(x > 0, "p", " q"))
    )
    learner = ct.Learner(
        [ct.tasks.Multiclass("c"), ct.tasks.Regression("n", when="k == 1")],
        encoder=ct.networks.TableEncoder(4, 0),
        training=ct.Training(1, 32),
    ).fit(train, 0.2, progress=False)
    foreign = {
        "f_int": lambda m: pl.Series(generator.integers(2**53, 2**62, m)),
        "f_cat": lambda m: pl.Series(generator.choice(["u", " v"], m), dtype=pl.Categorical),
        "f_float": lambda m: pl.Series(generator.choice([np.nan, -0.0, 0.1, 1e300], m), dtype=pl.Float32),
        "f_text": lambda m: pl.Series(generator.choice(["NA", "", " 01", "1e3"], m)),
        "f_list": lambda m: pl.Series([[1, 2]] * m),
        "x_source": lambda m: pl.Series(generator.choice(["a", "b"], m)),
    }
    for _ in range(200):
        m = int(generator.integers(1, 6))
        given_n = [int(v) if generator.random() < 0.5 else None for v in generator.integers(2**53, 2**60, m)]
        given_c = [
            str(v) if generator.random() < 0.5 else None for v in generator.choice(["p", " q", "new"], m)
        ]
        frame = pl.DataFrame(
            {
                "x": generator.normal(size=m),
                "k": generator.integers(0, 2, m),
                "n": pl.Series(given_n, dtype=pl.Int64),
                "c": pl.Series(given_c, dtype=pl.String),
                **{name: make(m) for name, make in foreign.items() if generator.random() < 0.5},
            }
        )
        table = complete(learner, frame)
        others = [name for name in frame.columns if name not in ("n", "c")]
        assert table.select(others).serialize() == frame.select(others).serialize()
        for name, given in (("n", given_n), ("c", given_c)):
            assert table.schema[name] == frame.schema[name]
            known = [value is not None for value in given]
            assert table[name].filter(known).to_list() == [value for value in given if value is not None]
        apart = ((frame["k"] == 0) & frame["n"].is_null()).to_list()
        assert table["n"].filter(apart).null_count() == sum(apart)
        assert table["n_source"].filter(apart).to_list() == ["none"] * sum(apart)
        assert set(table["c"].filter(frame["c"].is_null())) <= {"p", " q"}


@pytest.mark.parametrize("name", ["side_source", "size_confidence"])
def test_a_column_of_the_users_is_not_overwritten(fitted, name):
    learner, frame = fitted
    with pytest.raises(DataError, match=f"complete writes '{name}'"):
        complete(learner, frame.with_columns(pl.lit(1).alias(name)))


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_a_pandas_frame_comes_back_as_it_went_in_with_its_gaps_filled(fitted, dtype):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    learner, frame = fitted
    given = pandas.DataFrame(frame.to_dict(as_series=False), index=[f"row {i}" for i in range(200)])
    given = given.astype({"side": dtype, "size": "float32", "rank": "Int8"})
    given["when"] = pandas.date_range("2020", periods=200, tz="Asia/Shanghai")
    before = given.copy()
    found = complete(learner, given)
    pandas.testing.assert_frame_equal(given, before)
    assert list(found.columns[:5]) == list(given.columns)
    assert (found.dtypes[given.columns] == given.dtypes).all()
    assert found.index.equals(given.index)
    for column in given.columns:
        known = before[column].notna()
        pandas.testing.assert_series_equal(found[column][known], before[column][known])
    polars = complete(learner, frame)
    assert found["side"].tolist() == polars["side"].to_list()
    assert found["rank"].tolist() == polars["rank"].to_list()
    assert found["size"].to_numpy() == pytest.approx(polars["size"].to_numpy(), rel=1e-6)
    assert found["side_source"].tolist() == polars["side_source"].to_list()


def test_numbered_columns_keep_their_numbers_and_an_absent_target_gets_its_type():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    x = np.random.default_rng(0).normal(size=120)
    y = pandas.Series(pandas.Categorical(np.where(x > 0, "b", "a")))
    frame = pandas.DataFrame({0: x, 1: y})
    learner = ct.Learner([ct.tasks.Binary("1")], training=ct.Training(epochs=1, batch_size=32))
    learner.fit(frame, 0.2, progress=False)
    holes = frame.copy()
    holes.loc[:9, 1] = None
    found = complete(learner, holes)
    assert list(found.columns) == [0, 1, "1_confidence", "1_source"]
    assert found[1].dtype == y.dtype
    assert found[1].notna().all()
    absent = complete(learner, frame[[0]])
    assert list(absent.columns) == [0, "1", "1_confidence", "1_source"]
    assert absent["1"].dtype == y.dtype


def test_an_arrow_table_comes_back_as_one(fitted):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    learner, frame = fitted
    table = frame.to_arrow()
    found = complete(learner, table)
    assert isinstance(found, arrow.Table)
    assert found["x"].equals(table["x"])
    assert found["side"].to_pylist() == complete(learner, frame)["side"].to_list()


PREDICTIONS = [
    pl.Series(["yes", "no", None]),
    pl.Series(["2020-01-31", "x", "2020-01-31T10:00:00"]),
    pl.Series([1.5, -2.0, float("inf")]),
    pl.Series([1, -2, None]),
    pl.Series([True, False, None]),
    pl.Series([["a"], [], None], dtype=pl.List(pl.String)),
    pl.Series([date(2020, 1, 31), None, date(1900, 1, 1)]),
    pl.Series([datetime(2020, 1, 31), None, datetime(1900, 1, 1, 5)]),
    pl.Series(["a", "b", None], dtype=pl.Categorical),
]
COLUMNS = [
    pl.String, pl.Int8, pl.UInt64, pl.Int128, pl.Float32, pl.Boolean, pl.Date, pl.Datetime("us"), pl.Time,
    pl.Datetime("ns", "UTC"), pl.Duration("us"), pl.Decimal(10, 2), pl.List(pl.String), pl.List(pl.Int64),
    pl.Array(pl.Int64, 2), pl.Struct({"a": pl.Int64}), pl.Categorical(), pl.Enum(["q"]), pl.Binary, pl.Null,
]  # fmt: skip


@pytest.mark.parametrize("dtype", COLUMNS, ids=str)
@pytest.mark.parametrize("values", PREDICTIONS, ids=lambda values: str(values.dtype))
def test_predictions_go_into_a_column_of_any_type_or_leave_it_open(values, dtype):
    dtype = dtype if isinstance(dtype, pl.DataType) else dtype()
    found = _as(values, dtype)
    assert len(found) == 3
    # As it is put together with the given cells.
    given = pl.Series([None] * 3, dtype=dtype)
    assert given.zip_with(pl.Series([True, False, True]), found).dtype == dtype


def test_classes_that_spell_days_go_into_a_column_of_days():
    classes = pl.Series(["2020-01-31", "x", None, "2020-01-31T23:30:00-02:00"])
    assert _as(classes, pl.Date()).to_list() == [date(2020, 1, 31), None, None, date(2020, 2, 1)]


@pytest.mark.parametrize("spelled", [False, True])
def test_lengths_of_time_are_filled_with_lengths_of_time(spelled):
    minutes = [float(i % 9 + 1) for i in range(90)]
    spans = pl.Series("span", [timedelta(minutes=v) if i % 3 else None for i, v in enumerate(minutes)])
    frame = pl.DataFrame({"x": minutes, "span": spans.dt.to_string("iso") if spelled else spans})
    learner = ct.Learner([ct.tasks.Regression("span")], training=ct.Training(30, 32, learning_rate=1e-2))
    table = complete(learner.fit(frame, 0.2, progress=False), frame)
    assert table["span"].dtype == frame["span"].dtype
    found = TypedTable.read(table.select("span")).frame["span"]
    gaps = frame["span"].is_null()
    assert np.allclose(found.filter(gaps), 60 * frame["x"].filter(gaps), atol=60)
    assert table["span"].filter(~gaps).equals(frame["span"].filter(~gaps))


@pytest.mark.parametrize("as_text", [False, True])
def test_boxes_points_and_masks_stay_open_however_their_column_is_spelled(as_text, tmp_path):
    image = pytest.importorskip("PIL.Image", reason="the extra 'vision' is not installed")
    draw = np.random.default_rng(0)
    for i in range(8):
        image.fromarray(draw.integers(0, 255, (16, 16), dtype=np.uint8)).save(tmp_path / f"{i}.png")
        image.fromarray(draw.integers(0, 2, (16, 16), dtype=np.uint8)).save(tmp_path / f"mask{i}.png")
    things = {
        "boxes": [{"box": [2.0, 3.0, 5.0, 6.0], "label": "cat"}],
        "points": [{"point": [4.0, 5.0], "label": "nose"}],
    }
    frame = pl.DataFrame(
        {
            "file": [str(tmp_path / f"{i}.png") for i in range(8)],
            "mask": [str(tmp_path / f"mask{i}.png") if i < 6 else None for i in range(8)],
        }
        | {name: [cell if i < 6 else None for i in range(8)] for name, cell in things.items()}
    )
    if as_text:
        spelled = {
            name: [json.dumps(cell) if i < 6 else None for i in range(8)] for name, cell in things.items()
        }
        frame = frame.with_columns(**{name: pl.Series(cells) for name, cells in spelled.items()})
    kinds = [ct.tasks.Detection("boxes"), ct.tasks.Keypoints("points"), ct.tasks.Segmentation("mask")]
    learner = ct.Learner(kinds, columns={"file": "picture"}, training=ct.Training(epochs=1, batch_size=8))
    learner.fit(frame, None, progress=False)
    found = complete(learner, frame)
    for name in ("boxes", "points", "mask"):
        assert found[name].to_list() == frame[name].to_list()
        assert found[f"{name}_source"].to_list() == ["given"] * 6 + ["open"] * 2
