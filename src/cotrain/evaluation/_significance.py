"""Which tasks a way of training helped or hurt, over seeds and test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from cotrain.evaluation._holm import holm
from cotrain.evaluation._paired_bootstrap import Difference
from cotrain.evaluation._table import figure

Word = Literal["helped", "no clear difference", "hurt", "unknown"]


@final
@dataclass(frozen=True)
class Judgement:
    """What can be said of one task.

    Args:
        task: name of the task.
        word: "helped" or "hurt" if the corrected p-value is below 1 - level; else "no clear difference";
            "unknown" where there is nothing to compare.
        difference: in the metric's unit, positive = better than the reference, with its interval.
        p_value: corrected for the number of tasks.
        sentence: the same in words.

    Example:
        >>> one = Difference(0.05, 0.03, 0.07, 0.0001, 0.95, 3, 100)
        >>> judge({"a": one}, {"a": "auroc"}, {"a": (0.85, 0.8)})[0].word
        'helped'
    """

    task: str
    word: Word
    difference: Difference
    p_value: float
    sentence: str


def judge(
    differences: Mapping[str, Difference],
    metrics: Mapping[str, str],
    values: Mapping[str, tuple[float, float]],
    *,
    reference: str = "alone",
    too_few: Mapping[str, str] | None = None,
) -> list[Judgement]:
    """Say for each task what can be said, with Holm's correction over the tasks.

    With K tasks and no true difference anywhere, one or more of them is called "helped" or "hurt" in at most
    1 - level of all comparisons. The interval in the sentence is that of the task by itself, so that it can
    leave out 0 where the word is "no clear difference"; the sentence says so.

    Args:
        differences: task -> from `paired_bootstrap`, all of one level.
        metrics: task -> name of the metric.
        values: task -> mean over the seeds of the metric, for the contender and the reference.
        reference: what the other side is called in a sentence.
        too_few: task -> why nothing can be said of it, from `too_few_to_tell`; "" or absent where something
        can.

    Example:
        >>> one = Difference(0.05, 0.03, 0.07, 0.0001, 0.95, 3, 100)
        >>> print(judge({"a": one}, {"a": "auroc"}, {"a": (0.85, 0.8)})[0].sentence)
        a: helped (auroc 0.850, alone 0.800; difference +0.05 [+0.03, +0.07] over 3 seeds).
    """
    few = {task: (too_few or {}).get(task, "") for task in differences}
    corrected = holm([math.nan if few[task] else found.p_value for task, found in differences.items()])
    judged = []
    for (task, found), p_value in zip(differences.items(), corrected, strict=True):
        word = _word(found, p_value)
        sentence = (
            f"{task}: too few to tell ({few[task] or 'too few test labels'})."
            if word == "unknown"
            else _sentence(task, word, found, metrics[task], values[task], reference)
        )
        judged.append(Judgement(task, word, found, p_value, sentence))
    return judged


def mean_ranks(values: Mapping[str, Mapping[str, float]], directions: Mapping[str, str]) -> dict[str, float]:
    """Return each method's rank among the methods, mean over the tasks; 1 is the best.

    Methods of equal value share the mean of their ranks; tasks that a method has no value for rank it last.

    Args:
        values: method -> task -> value.
        directions: task -> "max" or "min".

    Example:
        >>> mean_ranks({"a": {"t": 0.9, "u": 1.0}, "b": {"t": 0.8, "u": 1.0}}, {"t": "max", "u": "min"})
        {'a': 1.25, 'b': 1.75}
    """
    ranks: dict[str, list[float]] = {method: [] for method in values}
    for task, direction in directions.items():
        sign = -1.0 if direction == "max" else 1.0
        column = {method: sign * of.get(task, math.nan) for method, of in values.items()}
        costs = {method: math.inf if math.isnan(cost) else cost for method, cost in column.items()}
        for method, cost in costs.items():
            better = sum(other < cost for other in costs.values())
            equal = sum(other == cost for other in costs.values())
            ranks[method].append(better + (equal + 1) / 2)
    return {method: float(np.mean(of)) if of else math.nan for method, of in ranks.items()}


def _word(found: Difference, p_value: float) -> Word:
    if math.isnan(p_value):
        return "unknown"
    if p_value > 1 - found.level:
        return "no clear difference"
    return "helped" if found.value > 0 else "hurt"


def _sentence(
    task: str, word: Word, found: Difference, metric: str, values: tuple[float, float], reference: str
) -> str:
    of = "" if found.unit == "rows" or found.chance is None else f" and {found.chance.n_units} {found.unit}"
    leaves_out_0 = found.low > 0 or found.high < 0
    note = "; not clear after correction for several tasks" if word[0] == "n" and leaves_out_0 else ""
    return (
        f"{task}: {word} ({metric} {figure(values[0])}, {reference} {figure(values[1])}; difference "
        f"{found.value:+.3g} [{found.low:+.3g}, {found.high:+.3g}] over {found.n_seeds} seeds{of}{note})."
    )
