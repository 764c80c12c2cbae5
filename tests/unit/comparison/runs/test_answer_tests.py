"""Whoever answers is compared with the joint network on the test rows, after a correction over the tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain.comparison._verdict import OneSeed
from cotrain.comparison.runs._answer_tests import answer_tests
from cotrain.evaluation import EvaluationTable, evaluate_task
from cotrain.learner._answer_choice import Answer
from cotrain.tasks import Regression
from cotrain.training import Examples

TREES = Answer("trees", {"trees": 1.0}, "rmse", {"joint": 2.0, "trees": 1.0}, 99, "the best")


def judged(
    errors: dict[str, tuple[float, float]], answers: dict[str, Answer], n: int = 300, n_labelled: int = 300
) -> list[Any]:
    """Tasks whose joint network and answer miss the truth by noise of these sizes."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({name: rng.normal(size=n) for name in errors})
    tasks = [Regression(name) for name in errors]
    targets, masks, joint, said = {}, {}, {}, {}
    for task in tasks:
        task.fit(frame)
        name = task.name
        targets[name], mask = task.encode(frame)
        masks[name] = mask & (torch.arange(n) < n_labelled)[:, None]
        joint[name], said[name] = (
            targets[name] + size * torch.from_numpy(rng.normal(size=(n, 1))).float() for size in errors[name]
        )
    tables = [
        EvaluationTable(
            [
                row
                for task in tasks
                for row in evaluate_task(task, of[task.name], targets[task.name], masks[task.name])
            ]
        )
        for of in (joint, said)
    ]
    constants = {task.name: task.reference_output(targets[task.name], masks[task.name]) for task in tasks}
    run = OneSeed(
        Examples({"x": torch.zeros(n, 1)}, targets, masks), tables[0], joint, {}, constants=constants
    )
    return answer_tests(tasks, answers, run, outputs=said, table=tables[1])


@pytest.mark.parametrize(
    ("errors", "word"), [((1.0, 0.3), "better"), ((0.3, 1.0), "worse"), ((0.5, 0.5), "no clear difference")]
)
def test_a_word_stands_on_the_test_rows(errors: tuple[float, float], word: str) -> None:
    (found,) = judged({"a": errors}, {"a": TREES})
    assert (found.task, found.answer, found.word) == ("a", "trees", word)
    assert found.difference is not None
    assert np.sign(found.difference) == np.sign(errors[0] - errors[1]) or word == "no clear difference"
    assert found.sentence.startswith(
        "a: trees answers, the best (validation rmse: together 2.000, trees 1.000)."
    )
    assert found.sentence.endswith(f": {word}.")
    assert found.to_json()["validation"] == {"joint": 2.0, "trees": 1.0}


def test_the_joint_network_needs_no_test() -> None:
    (found,) = judged({"a": (1.0, 1.0)}, {"a": Answer(reason="there is no other")})
    assert (found.word, found.difference) == ("", None)
    assert found.sentence == "a: joint answers, there is no other."


def test_too_few_test_labels_are_said() -> None:
    (found,) = judged({"a": (1.0, 0.2)}, {"a": TREES}, n_labelled=5)
    assert found.word == "unknown"
    assert "too few to tell (5 labelled test rows; 10 are needed)" in found.sentence


def test_many_tasks_without_a_difference_get_hardly_a_word() -> None:
    names = [f"t{i}" for i in range(20)]
    found = judged(dict.fromkeys(names, (0.5, 0.5)), dict.fromkeys(names, TREES), n=120, n_labelled=120)
    assert sum(one.word in ("better", "worse") for one in found) <= 1
