"""Labels that training did not have, and that they are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import cotrain as ct
from cotrain.evaluation import EvaluationRow, EvaluationTable
from cotrain.evaluation._table import joined_tables
from cotrain.evaluation._unseen_labels import unseen_labels, unseen_sentences

N = 24
FRAME = pd.DataFrame({"x": np.linspace(-1, 1, N), "code": ["01", "02"] * 12, "yes": ["yes", "no"] * 12})


def test_only_rows_where_the_condition_holds_are_counted() -> None:
    task = ct.tasks.Multiclass("code", when="x > 0")
    task.fit(pl.from_pandas(FRAME))
    asked = pl.DataFrame({"x": [1.0, 1.0, -1.0], "code": ["1", "01", "2"]})
    assert unseen_labels([task], asked) == {"code": {"code=1": 1}}
    assert unseen_labels([ct.tasks.Regression("x")], asked) == {}


def test_few_values_are_named() -> None:
    (sentence,) = unseen_sentences({"y": {f"y={i}": 2 for i in range(7)}})
    assert sentence.startswith("y: 14 labels are of 7 values that training did not have (y=0 2 times, ")
    assert "y=4 2 times and 2 more): the figures count them as wrong, or leave them out" in sentence
    assert unseen_sentences({"y": {"y=a": 1}})[0].startswith("y: 1 label is of a value that training")


def test_they_stay_with_the_table_and_are_printed() -> None:
    row = EvaluationRow("y", "accuracy", "max", None, 9, 0.0)
    table = EvaluationTable([row], unseen={"y": {"y=1": 9}})
    assert table.with_reference("trees", table).unseen == table.unseen
    assert joined_tables([table, EvaluationTable([])]).unseen == table.unseen
    assert "9 labels are of a value that training did not have" in str(table)
    assert "training did not have" not in str(EvaluationTable([row]))


@pytest.mark.parametrize("codes", [FRAME.code.astype(int), FRAME.code.str.lstrip("0")])
def test_labels_that_lost_their_spelling_are_told(codes) -> None:
    tasks = [ct.tasks.Multiclass("code"), ct.tasks.Binary("yes")]
    learner = ct.Learner(tasks, training=ct.Training(epochs=1))
    learner.fit(FRAME, progress=False)
    assert learner.evaluate(FRAME).unseen == {}
    found = learner.evaluate(FRAME.assign(code=codes, yes=FRAME.yes.str.upper()))
    assert found.unseen == {"code": {"code=1": 12, "code=2": 12}, "yes": {"yes=YES": 12, "yes=NO": 12}}
