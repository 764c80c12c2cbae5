"""Who answers gives its own outputs, and a blend the outputs of the mean of scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain.data import TypedTable
from cotrain.learner._answer_choice import Answer
from cotrain.learner._answers import Answers, answered, tree_outputs
from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression, Tagging, Task

TABLE = pl.DataFrame(
    {
        "yes": [0, 1, 1, 0],
        "a": [1.0, 2.0, 3.0, 5.0],
        "b": [10.0, 30.0, 20.0, 5.0],
        "colour": ["red", "green", "blue", "red"],
        "size": [1, 2, 3, 4],
        "m": [0, 1, 0, 1],
        "n": [1, 1, 0, 1],
    }
)
TWICE = pl.concat([TABLE, TABLE])
KINDS = [
    Binary("yes"),
    Regression("two", ["a", "b"]),
    Multiclass("colour"),
    Ordinal("size"),
    Multilabel("l", ["m", "n"]),
]


@pytest.fixture(params=KINDS, ids=lambda task: type(task).__name__)
def task(request: Any) -> Task:
    request.param.fit(TWICE)
    return request.param


def drawn(task: Task, seed: int, size: float = 2.0) -> torch.Tensor:
    return size * torch.randn(50, task.n_outputs, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [0.1, 2.0, 40.0])
def test_an_output_of_scores_has_these_scores(task: Task, size: float) -> None:
    scores = task.scores(drawn(task, 0, size)).double()
    output = task.output_of_scores(scores)
    assert output is not None
    assert output.shape == (50, task.n_outputs)
    assert output.dtype == torch.float32
    assert bool(output.isfinite().all())
    torch.testing.assert_close(task.scores(output).double(), scores, atol=1e-5, rtol=1e-5)


def test_certain_probabilities_stay_finite() -> None:
    for one in KINDS:
        one.fit(TWICE)
        scores = task_of_certainty(one)
        output = one.output_of_scores(scores)
        assert output is not None
        assert bool(output.isfinite().all())
        torch.testing.assert_close(one.scores(output).double(), scores, atol=1e-5, rtol=1e-5)


def task_of_certainty(task: Task) -> torch.Tensor:
    shape = task.scores(torch.zeros(1, task.n_outputs)).shape
    certain = torch.zeros(3, *shape[1:], dtype=torch.float64)
    certain[:, 0] = 1.0
    return certain


def test_words_have_no_output_of_scores() -> None:
    assert Tagging("tags").output_of_scores(torch.zeros(1, 2)) is None


def test_one_member_answers_as_it_is(task: Task) -> None:
    parts = {name: drawn(task, seed) for seed, name in enumerate(("joint", "alone", "trees"))}
    for name in parts:
        assert answered(task, Answer(name, {name: 1.0}), parts) is parts[name]


def test_a_blend_has_the_mean_of_the_scores(task: Task) -> None:
    parts = {name: drawn(task, seed) for seed, name in enumerate(("joint", "trees"))}
    found = answered(task, Answer("blend", {"joint": 0.25, "trees": 0.75}), parts)
    mean = 0.25 * task.scores(parts["joint"]).double() + 0.75 * task.scores(parts["trees"]).double()
    torch.testing.assert_close(task.scores(found).double(), mean, atol=1e-5, rtol=1e-5)


def test_only_those_who_have_a_part_are_asked() -> None:
    one, other, third = (Regression(name) for name in ("a", "b", "size"))
    for each in (one, other, third):
        each.fit(TABLE)

    class Lone:
        def outputs(self, table: Any, *, figures: bool = False) -> dict[str, torch.Tensor]:
            return {"b": torch.full((4, 1), 7.0)}

    class Trees:
        def scores(self, task: Task, rows: Any) -> np.ndarray:
            return np.full((4, 1), 3.0)

    inputs: Any = SimpleNamespace(rows=lambda table: "rows")
    trees: Any = {"size": Trees()}
    alone: Any = {"b": Lone()}
    answers = Answers(
        {"a": Answer(), "b": Answer("alone", {"alone": 1.0}), "size": Answer("trees", {"trees": 1.0})},
        alone,
        trees,
        inputs,
        {"size": 2.0},
    )
    assert answers.others == ["b", "size"]
    outputs = {task.name: torch.zeros(4, 1) for task in (one, other, third)}
    tasks = {task.name: task for task in (one, other, third)}
    found = answers.applied(outputs, tasks, TypedTable.read(TABLE))
    assert found["a"] is outputs["a"]
    assert found["b"].tolist() == [[7.0]] * 4
    torch.testing.assert_close(found["size"], tree_outputs(third, trees["size"], "rows") / 2.0)
    # Without the inputs of a task there is no answer of it.
    assert set(answers.applied({"a": outputs["a"]}, tasks, TypedTable.read(TABLE))) == {"a"}
    assert outputs["b"].tolist() == [[0.0]] * 4
