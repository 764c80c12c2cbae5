import polars as pl

from cotrain.data import TypedTable, check_missing


def test_shows_the_words_and_what_they_took_out() -> None:
    frame = pl.DataFrame({"country": ["NA", "DE", "NA"], "x": [1.0, 2.0, -999.0]})
    problems = check_missing(TypedTable.read(frame, missing=["NA", -999]))
    assert [problem.subject for problem in problems] == ["", "country", "x"]
    assert problems[0].values["words"] == ["NA", "-999"]
    assert problems[1].values["counts"] == {"NA": 2}
    assert "missing: {country: [...]}" in problems[1].sentence
    assert problems[2].values["counts"] == {"-999": 1}


def test_empty_cells_alone_are_no_note() -> None:
    assert len(check_missing(TypedTable.read(pl.DataFrame({"a": ["", "x"]})))) == 1
