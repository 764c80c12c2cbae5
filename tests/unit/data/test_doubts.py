import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import Schema, TypedTable, infer_kind, infer_tasks
from cotrain.data._doubts import doubt_of

YEARS = [str(1900 + i % 120) for i in range(8000)]


def test_names_the_one_bad_cell_among_numbers() -> None:
    doubt = doubt_of(pl.Series("year", [*YEARS, "V"]))
    assert doubt is not None
    assert doubt.kind == "number"
    assert doubt.sentence.startswith("1 of 8,001 values of column 'year' is no number: 'V': mend it")
    assert len(doubt.sentence) <= 400
    three = doubt_of(pl.Series("year", [*YEARS, "V", "VI", "V"]))
    assert three is not None
    assert "3 of 8,003 values of column 'year' are no numbers: 'V', 'VI'" in three.sentence


@pytest.mark.parametrize(
    "cells",
    [
        [*YEARS, *["V"] * 1000],  # codes of two kinds
        ["1", "2", "3", "X"] * 3 + ["1"] * 40,  # few classes
        ["00501", "V", *YEARS[:100]],  # codes with zeros
        ["a", "b", "c"] * 30,
        ["1", "x"],
        ["31/12/2020", "01/02/2020"],
        ["1,2,3", "4,5", "6"],
        ["Smith, John", "Roe, Jane"],
        ["1,5", "x"],
    ],
    ids=lambda cells: f"{cells[0]}, {cells[-1]}",
)
def test_leaves_the_clear_cases_alone(cells: list[str]) -> None:
    assert doubt_of(pl.Series("a", cells)) is None


@pytest.mark.parametrize(
    ("cells", "answer"),
    [
        (["01/02/2020", "11/12/2021"], {"kind": "date", "format": "%d/%m/%Y"}),
        (["01-02-2020", "11-12-2021"], {"kind": "date", "format": "%m-%d-%Y"}),
        (["1,5", "2", "12,25"], {"kind": "number", "decimal": ","}),
        (["1.250,50", "7"], {"kind": "number", "decimal": ","}),
        (["1,250", "7", "12,000,000"], {"kind": "number", "thousands": ","}),
        (["1,250.5", "7", "12,000"], {"kind": "number", "thousands": ","}),
        ([*YEARS[:200], "V"], "category"),
    ],
    ids=str,
)
def test_asks_until_it_is_answered(cells: list[str], answer: object) -> None:
    frame = pl.DataFrame({"a": cells})
    table = TypedTable.read(frame)
    with pytest.raises(DataError, match="'a'") as caught:
        Schema.infer(table.frame, types=table.types)
    assert len(str(caught.value)) <= 400
    assert "\n" not in str(caught.value)
    open_question = Schema.infer(table.frame, types=table.types, ask=False)
    assert open_question.notes[0].why == infer_kind(table.frame["a"]).doubt
    schema = Schema.infer(table.frame, overrides={"a": answer}, types=table.types).fit(table.frame)  # type: ignore[dict-item]
    assert schema.encode(table.frame)
    # A word that means nothing is the other answer to a bad cell.
    if answer == "category":
        table = TypedTable.read(frame, missing=["V"])
        assert Schema.infer(table.frame, types=table.types).notes[0].kind == "number"


def test_the_answers_mean_what_they_say() -> None:
    price = pl.Series("a", ["1.250,50", "7", None])
    options = {"a": {"kind": "number", "decimal": ",", "transform": "linear"}}
    frame = pl.DataFrame({"a": price})
    plain = pl.DataFrame({"a": [1250.5, 7.0, None]})
    linear = {"a": {"kind": "number", "transform": "linear"}}
    seen = Schema.infer(frame, overrides=options).fit(frame).encode(frame)["numbers"]
    assert seen.equal(Schema.infer(plain, overrides=linear).fit(plain).encode(plain)["numbers"])
    days = pl.DataFrame({"a": ["01/02/2020", "03/04/2020"]})
    iso = pl.DataFrame({"a": ["2020-02-01", "2020-04-03"]})
    options = {"a": {"kind": "date", "format": "%d/%m/%Y"}}
    seen = Schema.infer(days, overrides=options).fit(days).encode(days)["numbers"]
    assert seen.equal(Schema.infer(iso).fit(iso).encode(iso)["numbers"])


def test_a_target_is_asked_about_as_well() -> None:
    with pytest.raises(DataError, match="1 of 201 values of column 'year' is no number: 'V'"):
        infer_tasks(pl.DataFrame({"year": [*YEARS[:200], "V"]}), ["year"])
