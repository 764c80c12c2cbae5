"""What trees are told of rows can be kept as arrays and is told again, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.data import TypedTable
from cotrain.learner import Preprocessor
from cotrain.learner._tree_reference import TreeInputs, TreeReference
from cotrain.tasks import Binary, Regression


def table(n: int = 120, seed: int = 0) -> TypedTable:
    rng = np.random.default_rng(seed)
    words = ["good", "bad", "schön", "電影", "so so"]
    return TypedTable.read(
        pl.DataFrame(
            {
                "x": [None if i % 11 == 0 else float(v) for i, v in enumerate(rng.normal(size=n))],
                "kind": [f"k{i % (5 + seed)}" for i in range(n)],
                "text": [f"{words[i % 5]} film {words[(i * 3) % 5]}" for i in range(n)],
                "tags": [f"a,{'b' if i % 2 else 'c'}" for i in range(n)],
                "sold": [None if i % 4 == 0 else bool(i % 5 == 0) for i in range(n)],
                "price": rng.normal(size=n),
            }
        )
    )


def fitted() -> Preprocessor:
    columns = {"text": "text", "tags": "tags", "kind": "category"}
    return Preprocessor.fit(table(), [Binary("sold"), Regression("price")], columns, [])[0]


def test_rows_are_told_alike_from_what_is_kept() -> None:
    preprocessor = fitted()
    inputs = TreeInputs.fit(preprocessor, table(), preprocessor.examples(table()))
    arrays = {name: array.copy() for name, array in inputs.arrays().items()}
    again = TreeInputs.from_arrays(preprocessor, arrays)
    one, other = (which.rows(table(50, seed=1)) for which in (inputs, again))
    np.testing.assert_array_equal(one.features, other.features)
    assert (one.terms != other.terms).nnz == 0
    assert one.terms.nnz > 0
    np.testing.assert_array_equal(again.matrix.categorical, inputs.matrix.categorical)


@pytest.mark.parametrize(
    "name", ["terms.length.text", "terms.weight.text", "matrix.categorical", "matrix.first_codes"]
)
def test_arrays_that_are_not_whole_are_refused(name: str) -> None:
    preprocessor = fitted()
    arrays = TreeInputs.fit(preprocessor, table(), preprocessor.examples(table())).arrays()
    with pytest.raises((KeyError, ValueError)):
        TreeInputs.from_arrays(preprocessor, {key: a for key, a in arrays.items() if key != name})
    if name.startswith("terms"):
        with pytest.raises(ValueError, match="not whole"):
            TreeInputs.from_arrays(preprocessor, arrays | {name: arrays[name][1:]})


def test_a_task_is_fitted_once_and_alike_with_the_same_seed() -> None:
    preprocessor = fitted()
    task = preprocessor.tasks[0]
    trees, again = (TreeReference(preprocessor, table(), None, seed=3) for _ in range(2))
    assert trees.fit(task) is trees.fit(task)
    assert trees.fit(task) is not trees.fit(task, 0.1)
    np.testing.assert_array_equal(trees.scores(task, table(30, 1)), again.scores(task, table(30, 1)))


def test_rows_are_coded_once_for_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    preprocessor, coded = fitted(), []
    trees, rows, others = TreeReference(preprocessor, table(), None), table(30, 1), table(30, 2)
    inputs = type(preprocessor).inputs

    def counted(self: Preprocessor, data: object) -> dict[str, Any]:
        coded.append(data)
        return inputs(self, data)

    monkeypatch.setattr(type(preprocessor), "inputs", counted)
    first = [trees.scores(task, rows) for task in preprocessor.tasks]
    assert len(coded) == 1
    assert not np.array_equal(trees.scores(preprocessor.tasks[0], others), first[0])
    np.testing.assert_array_equal(trees.scores(preprocessor.tasks[0], rows), first[0])


def test_a_task_without_labels_is_refused() -> None:
    preprocessor = fitted()
    empty = TypedTable.read(table().frame.with_columns(sold=pl.lit(None, pl.Boolean)))
    with pytest.raises(InvalidArgumentError, match="no label"):
        TreeReference(preprocessor, empty, None).fit(preprocessor.tasks[0])
