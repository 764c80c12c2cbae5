"""Which tasks a way of training helped or hurt, over seeds and test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from cotrain.evaluation._holm import holm
from cotrain.evaluation._paired_bootstrap import Difference
from cotrain.evaluation._power import what_it_would_take
from cotrain.evaluation._table import figure

Word = Literal[
    "helped",
    "hurt",
    "better",
    "worse",
    "no difference that matters",
    "no clear difference",
    "learns nothing",
    "unfinished training",
    "unknown",
]
Instead = Literal["", "learns nothing", "unfinished training"]

_REASONS = {
    "learns nothing": "alone or together: neither is better than a constant beyond chance",
    "unfinished training": "the last epoch is the best, and the last ones brought much: train longer",
}


@final
@dataclass(frozen=True)
class Claim:
    """A difference that is to get a word.

    Args:
        name: of the task, or "all tasks" for delta_m.
        difference: in the metric's unit, positive = better than the reference, with its interval.
        metric: name of the metric.
        values: mean over the seeds of the metric, for the contender and the reference; for delta_m none.
        reference: what the other side is called in a sentence.
        words: what it is called if it is better, and if it is worse.
        weight: share of the error that it may spend, against those of the others.
        too_few: why nothing can be said, from `too_few_to_tell`; "" where something can.
        instead: what is said instead of a difference; it does not count among the tests.

    Example:
        >>> Claim("price", Difference(0.05, 0.03, 0.07, 0.0001, 0.95, 3, 100), "r2", (0.6, 0.55)).scale
        0.55
    """

    name: str
    difference: Difference
    metric: str
    values: tuple[float, float] | None = None
    reference: str = "alone"
    words: tuple[Literal["helped", "better"], Literal["hurt", "worse"]] = ("helped", "hurt")
    weight: float = 1.0
    too_few: str = ""
    instead: Instead = ""

    @property
    def is_tested(self) -> bool:
        """Whether its p-value counts."""
        return not (self.too_few or self.instead or math.isnan(self.difference.p_value))

    @property
    def scale(self) -> float:
        """The value that a difference is a share of."""
        return 1.0 if self.values is None else abs(self.values[1])


@final
@dataclass(frozen=True)
class Judgement:
    """What can be said of a claim.

    Args:
        name: of the task, or "all tasks".
        word: "helped" or "hurt" if the corrected p-value is below 1 - level; "no difference that matters" if
            the interval lies within the smallest effect of interest; else "no clear difference"; "unknown"
            where there is nothing to compare.
        difference: as claimed.
        p_value: corrected for the number of tests; NaN where nothing was tested.
        sentence: the same in words.

    Example:
        >>> one = Difference(0.05, 0.03, 0.07, 0.0001, 0.95, 3, 100)
        >>> judge([Claim("a", one, "auroc", (0.85, 0.8))])[0].word
        'helped'
    """

    name: str
    word: Word
    difference: Difference
    p_value: float
    sentence: str


def judge(claims: Sequence[Claim], *, smallest_effect: float = 0.01) -> list[Judgement]:
    """Say of each claim what can be said, with Holm's weighted correction over all of them.

    Without any true difference, one or more claims are called helped, hurt, better or worse in at most
    1 - level of all comparisons. The interval in the sentence is that of the claim by itself, so that it can
    leave out 0 where the word is "no clear difference"; the sentence says so.

    "No difference that matters" needs an interval within ± `smallest_effect` of the reference's value, at the
    level that is left after Bonferroni's correction over all claims (two one-sided tests: Schuirmann, "A
    Comparison of the Two One-Sided Tests Procedure and the Power Approach", 1987,
    https://doi.org/10.1007/BF01068419). "No clear difference" says what could not have been seen.

    Args:
        claims: everything that gets a word, with differences of one level.
        smallest_effect: a share of the reference's value below which no difference matters, in [0, 1).

    Example:
        >>> one = Difference(0.05, 0.03, 0.07, 0.0001, 0.95, 3, 100)
        >>> print(judge([Claim("a", one, "auroc", (0.85, 0.8))])[0].sentence)
        a: helped (auroc 0.850, alone 0.800; difference +0.05 [+0.03, +0.07] over 3 seeds).
    """
    tested = [claim.difference.p_value if claim.is_tested else math.nan for claim in claims]
    corrected = holm(tested, [claim.weight for claim in claims])
    total = sum(claim.weight for claim in claims if claim.is_tested)
    judged = []
    for claim, p_value in zip(claims, corrected, strict=True):
        alpha = (1 - claim.difference.level) * claim.weight / total if claim.is_tested else math.nan
        word = _word(claim, p_value, alpha, smallest_effect)
        sentence = _sentence(claim, word, alpha, smallest_effect)
        judged.append(Judgement(claim.name, word, claim.difference, p_value, sentence))
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


def _word(claim: Claim, p_value: float, alpha: float, smallest_effect: float) -> Word:
    found = claim.difference
    if claim.too_few or math.isnan(found.p_value):
        return "unknown"
    if claim.instead:
        return claim.instead
    if p_value <= 1 - found.level:
        return claim.words[0 if found.value > 0 else 1]
    if found.chance is not None:
        farthest = abs(found.value) + found.chance.half_width(alpha, found.value)
        if farthest <= smallest_effect * claim.scale:
            return "no difference that matters"
    return "no clear difference"


def _sentence(claim: Claim, word: Word, alpha: float, smallest_effect: float) -> str:
    found, name = claim.difference, claim.name
    if word == "unknown":
        return f"{name}: too few to tell ({claim.too_few or 'the metric is not defined on the test rows'})."
    if claim.values is None:
        size = f"{claim.metric} {found.value:+.2%} [{found.low:+.2%}, {found.high:+.2%}]"
    else:
        ours, theirs = (figure(value, small=True) for value in claim.values)
        size = (
            f"{claim.metric} {ours}, {claim.reference} {theirs}; difference "
            f"{found.value:+.3g} [{found.low:+.3g}, {found.high:+.3g}]"
        )
    units = found.chance.n_units if found.chance is not None else 0
    over = f" over {found.n_seeds} seeds" + ("" if found.unit == "rows" else f" and {units} {found.unit}")
    if word in _REASONS:
        return f"{name}: {word} ({_REASONS[word]}; {size}{over})."
    notes = []
    if word == "no difference that matters":
        notes.append(f"less than {100 * smallest_effect:.2g} % of the reference")
    if word == "no clear difference":
        if found.low > 0 or found.high < 0:
            notes.append("not clear after correction for several tests")
        if found.chance is not None:
            notes.append(
                what_it_would_take(
                    found.chance, alpha, found.n_seeds, claim.scale, least=smallest_effect, unit=found.unit
                )
            )
    said = "".join(f"; {note}" for note in notes if note)
    return f"{name}: {word} ({size}{over}{said})."
