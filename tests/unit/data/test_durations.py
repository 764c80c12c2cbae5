from datetime import timedelta
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from cotrain.data import TypedTable, infer_kind, to_polars, write_table
from cotrain.data._durations import in_seconds, seconds_spelled, spans_like

SECONDS = [0.0, 90.0, 3 * 86_400 + 0.25, -3_600.0, None, 1e-6]
SPANS = pl.Series("d", [None if s is None else timedelta(seconds=s) for s in SECONDS])
PANDAS = pd.Series(pd.to_timedelta(SECONDS, unit="s"), name="d")
FORMS = {
    "us": pl.DataFrame([SPANS]),
    "ms": pl.DataFrame([SPANS.cast(pl.Duration("ms"))]),
    "ns": pl.DataFrame([SPANS.cast(pl.Duration("ns"))]),
    "ISO": pl.DataFrame([SPANS.dt.to_string("iso")]),
    "pandas": PANDAS.to_frame(),
    "pandas text": pl.DataFrame({"d": [None if pd.isna(v) else str(v) for v in PANDAS]}),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_length_of_time_is_its_seconds_whatever_spells_it(form: str):
    table = TypedTable.read(FORMS[form])
    assert table.types == {"d": "number"}
    close = 1e-3 if form == "ms" else 1e-9
    assert table.frame["d"].to_list() == pytest.approx(SECONDS, abs=close, nan_ok=True)
    assert type(infer_kind(table.frame["d"]).column).__name__ == "Number"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("trained", ["number", "integer"])
def test_a_model_of_numbers_reads_them_too(form: str, trained: str):
    table = TypedTable.read(FORMS[form], types={"d": trained})
    assert table.frame["d"].to_list() == pytest.approx(SECONDS, abs=1e-3)


@pytest.mark.parametrize(
    "cells", [["P", "PT"], ["PT5S", "soon"], ["3 days"], ["P1Y"], ["PT5S", "PT"], ["12:30:00"]]
)
def test_other_texts_are_none(cells: list[str]):
    assert seconds_spelled(pl.Series(cells)) is None
    assert TypedTable.read(pl.DataFrame({"d": cells})).types == {"d": "text"}


def test_numbers_of_both_ways_are_the_same():
    assert in_seconds(SPANS).to_list() == seconds_spelled(SPANS.dt.to_string("iso")).to_list()


@pytest.mark.parametrize("form", FORMS)
def test_seconds_go_back_into_what_holds_them(form: str):
    like = TypedTable.read(FORMS[form]).frame["d"]
    cells = to_polars(FORMS[form])["d"]
    back = spans_like(like, cells)
    assert back is not None
    assert back.dtype == cells.dtype
    again = TypedTable.read(pl.DataFrame([pl.concat([cells, back])])).frame["d"]
    assert again[len(cells) :].to_list() == pytest.approx(like.to_list(), abs=1e-9)


def test_columns_without_lengths_of_time_take_none():
    for like in (pl.Series([1.5]), pl.Series(["soon"]), pl.Series([None], dtype=pl.String)):
        assert spans_like(pl.Series([90.0]), like) is None
    assert spans_like(pl.Series(["PT1S"]), pl.Series(["PT2S"])) is None


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_a_file_of_ours_holds_them(tmp_path: Path, ending: str):
    path = tmp_path / f"t{ending}"
    write_table(pl.DataFrame([SPANS, pl.Series("x", range(len(SPANS)))]), path)
    assert TypedTable.read(path).frame["d"].to_list() == pytest.approx(SECONDS, abs=1e-9)
