import polars as pl

from cotrain.data import Schema
from cotrain.data.checks import check_columns


def test_names_columns_left_out_and_nearly_empty_ones() -> None:
    table = pl.DataFrame(
        {"same": ["x"] * 100, "hole": [1.0, 2.0, 3.0] + [None] * 97, "fine": [i * 1.5 for i in range(100)]}
    )
    found = {p.subject: p for p in check_columns(Schema.infer(table).describe())}
    assert set(found) == {"same", "hole"}
    assert "left out: constant" in found["same"].sentence
    assert found["hole"].severity == "warning"
    assert "97.0%" in found["hole"].sentence


def test_an_open_question_is_an_error() -> None:
    frame = pl.DataFrame({"day": ["01/02/2020", "03/04/2020"]})
    problem = check_columns(Schema.infer(frame, ask=False).describe())[0]
    assert problem.severity == "error"
    assert "month/day as well as day/month" in problem.sentence
