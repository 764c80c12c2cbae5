"""Who answers for each task, tested on rows that took no part in the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cotrain._base._ragged import Leaf
from cotrain.comparison._verdict import LEVEL, OneSeed
from cotrain.comparison.runs._result import AnswerTest
from cotrain.evaluation import EvaluationTable, figure, holm
from cotrain.evaluation._padded_scores import scores_of
from cotrain.learner._answer_choice import JOINT, Answer
from cotrain.tasks import Task

#: How the contenders are called beside a figure.
NAMES = {"joint": "together", "alone": "alone", "trees": "trees", "blend": "blend"}


def answer_tests(
    tasks: Sequence[Task],
    answers: Mapping[str, Answer],
    run: OneSeed,
    *,
    outputs: Mapping[str, Leaf],
    table: EvaluationTable,
) -> list[AnswerTest]:
    """Compare whoever answers with the joint network, on the test rows.

    These are two finished models, not two ways of training: their difference stands on the test rows alone,
    and one seed is enough to judge it.

    Args:
        tasks: fitted tasks.
        answers: task -> who answers.
        run: the joint network on the test rows.
        outputs: of whoever answers on them.
        table: test figures of whoever answers.
    """
    others = [
        task
        for task in tasks
        if set(answers[task.name].weights) != {JOINT} and task.name in table.tasks and not run.too_few(task)
    ]
    found = {
        task.name: run.difference(task, *(scores_of(task, of[task.name]) for of in (outputs, run.joint)))
        for task in others
    }
    corrected = dict(zip(found, holm([one.p_value for one in found.values()]), strict=True))
    tests = []
    for task in tasks:
        name, answer = task.name, answers[task.name]
        sentence, word, difference = f"{name}: {_chosen(answer)}", "", None
        if name in found:
            row, difference = table.row(name), found[name].value
            word = "no clear difference"
            if corrected[name] <= 1 - LEVEL:
                word = "better" if difference > 0 else "worse"
            sentence += f" Test rows: {row.shown()}, together {run.table.row(name).shown()}: {word}."
        elif set(answer.weights) != {JOINT}:
            word = "unknown"
            sentence += f" Test rows: too few to tell ({run.too_few(task) or 'there is none'})."
        tests.append(
            AnswerTest(name, answer.title, word, sentence, answer.values, answer.weights, difference)
        )
    return tests


def _chosen(answer: Answer) -> str:
    """Return who was chosen by which figures."""
    values = ", ".join(f"{NAMES[name]} {figure(value, small=True)}" for name, value in answer.values.items())
    shown = f" (validation {answer.metric}: {values})" if values else ""
    return f"{answer.title} answers, {answer.reason}{shown}."
