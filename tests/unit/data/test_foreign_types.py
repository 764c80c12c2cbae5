"""The same cells are the same column, whatever type the library has that they come from."""

import decimal
import ipaddress
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import cotrain as ct
from cotrain.data import read_table
from cotrain.data._foreign_types import plain_types
from cotrain.data._read import read_cells

IDS = [uuid.UUID(int=1), None, uuid.UUID(int=2)]
PRICES = [decimal.Decimal("1.25"), None, decimal.Decimal("3.50")]
LISTS = [["a"], None, ["b", "c"]]


def extension(name: str, storage: pa.Array) -> pa.Array:
    kind = getattr(pa, name, None)
    if kind is None:
        pytest.skip(f"this pyarrow has no {name}")
    return pa.ExtensionArray.from_storage(kind(), storage)


ARROW = {
    "decimal256": (lambda: pa.array(PRICES, pa.decimal256(50, 2)), [1.25, None, 3.5]),
    "list_view": (lambda: pa.array(LISTS, pa.list_view(pa.string())), LISTS),
    "runs": (
        lambda: pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["x", "y"])),
        ["x", "x", "y"],
    ),
    "uuid": (
        lambda: extension("uuid", pa.array([i and i.bytes for i in IDS], pa.binary(16))),
        [i and str(i) for i in IDS],
    ),
    "bool8": (lambda: extension("bool8", pa.array([1, None, 0], pa.int8())), [True, None, False]),
    "json": (lambda: extension("json_", pa.array(["[1]", None, "2x"])), ["[1]", None, "2x"]),
    "tensor": (
        lambda: pa.FixedShapeTensorArray.from_numpy_ndarray(np.arange(6, dtype=np.float32).reshape(3, 2)),
        [[0, 1], [2, 3], [4, 5]],
    ),
}


@pytest.mark.parametrize("name", ARROW)
def test_types_of_arrow_are_the_nearest_ones_from_every_container(name: str, tmp_path: Path) -> None:
    make, expected = ARROW[name]
    table = pa.table({"cell": make(), "x": [1, 2, 3]})
    given: list[Any] = [table, table.to_pandas(types_mapper=pd.ArrowDtype)]
    if name not in ("list_view", "runs", "uuid"):
        pq.write_table(table, tmp_path / "t.parquet")
        given.append(tmp_path / "t.parquet") if name != "decimal256" else None
    for one in given:
        frame = read_table(one)
        assert frame.columns == ["cell", "x"]
        cells = frame["cell"].to_list()
        assert [list(cell) if isinstance(expected[0], list) and cell else cell for cell in cells] == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([Path("a.png"), None, Path("b.png")], ["a.png", None, "b.png"]),
        (IDS, [i and str(i) for i in IDS]),
        ([ipaddress.ip_address("10.0.0.1"), None], ["10.0.0.1", None]),
        ([{"b", "a"}, None, frozenset()], [["a", "b"], None, []]),
        ([pd.Period("2020-01", "M"), None], ["2020-01", None]),
        ([pd.Interval(0, 1), None], ["(0, 1]", None]),
    ],
)
def test_objects_that_have_a_text_are_texts(cells: list[Any], expected: list[Any]) -> None:
    frames = [
        pd.DataFrame({"cell": pd.Series(cells, dtype=object)}),
        pl.DataFrame({"cell": pl.Series(cells, dtype=pl.Object)}),
        {"cell": cells},
    ]
    for frame in frames:
        made = read_cells(frame)["cell"]
        assert made.to_list() == expected


def test_arrays_stay_objects_and_other_frames_are_the_very_same() -> None:
    masks = pl.DataFrame({"mask": pl.Series([np.eye(2), None], dtype=pl.Object)})
    assert plain_types(masks) is masks
    assert read_table(pd.DataFrame({"x": np.array([0.5, np.nan], np.longdouble)}))["x"].to_list() == [
        0.5,
        None,
    ]


def test_labels_and_inputs_of_such_types_are_learned_from() -> None:
    x = np.linspace(-1, 1, 40)
    ids = [uuid.UUID(int=int(v > 0)) for v in x]
    for frame in (
        pd.DataFrame({"x": x, "id": ids, "flag": x > 0}),
        pa.table({"x": x, "id": pa.array([i.bytes for i in ids], pa.uuid()), "flag": x > 0}),
    ):
        learner = ct.Learner([ct.tasks.Binary("flag")], training=ct.Training(epochs=1, batch_size=16))
        learner.fit(frame, validation=0.25, progress=False)
        assert [column.name for column in learner.preprocessor.schema.columns] == ["x", "id"]
        of_ids = ct.Learner([ct.tasks.Binary("id")], training=ct.Training(epochs=1, batch_size=16))
        assert len(of_ids.fit(frame, validation=0.25, progress=False).predict(frame)) == 40
