import json

import polars as pl


def test_every_row_is_predicted_to_a_file_or_to_standard_output(cotrain, run):
    status, out, err = cotrain("predict", run, "table.csv", "-o", "p.csv")
    assert (status, out) == (0, "")
    assert "Wrote 120 rows" in err
    _, out, _ = cotrain("predict", run, "table.csv")
    assert out == (run.parent / "p.csv").read_text()
    assert pl.read_csv("p.csv").columns[:2] == ["big", "big_probability"]
    _, out, _ = cotrain("predict", run, "table.csv", "--json")
    assert len(json.loads(out)) == 120


def test_columns_are_kept_in_front(cotrain, run):
    _, out, _ = cotrain("predict", run, "table.csv", "--keep", "y", "--keep", "x")
    assert out.startswith("y,x,big,")
    status, _, err = cotrain("predict", run, "table.csv", "--keep", "z")
    assert status == 2
    assert "--keep z" in err


def test_a_file_that_is_there_is_not_replaced_unless_asked(cotrain, run):
    (run.parent / "p.csv").write_text("mine")
    status, _, err = cotrain("predict", run, "table.csv", "-o", "p.csv")
    assert status == 2
    assert "--overwrite" in err
    assert (run.parent / "p.csv").read_text() == "mine"
    assert cotrain("predict", run, "table.csv", "-o", "p.csv", "--overwrite")[0] == 0
