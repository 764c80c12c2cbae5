"""From which probability on a label counts as yes: one half, a number, or what does best on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, final

import array_api_compat
import numpy as np

from cotrain._base import InvalidArgumentError, beyond, expected_number, tie_groups
from cotrain.tasks._metric import Metric, Weights, known_and_weights

#: What a threshold is chosen by, a threshold, {"cost_ratio": r}, or none: one half.
ThresholdRule: TypeAlias = Literal["f1", "balanced_accuracy", "youden"] | float | Mapping[str, float] | None
RULES = ("f1", "balanced_accuracy", "youden")
HALF = 0.5
#: Fewest held-out rows of yes and of no that a threshold is chosen by.
LEAST = 5


@final
@dataclass(frozen=True)
class Decision:
    """Where yes begins, for each of T labels.

    Args:
        rule: as the task was told.
        thresholds: probabilities in (0, 1) beyond which a label is a yes, one for each or one for all.

    Example:
        >>> Decision("f1", (0.2,)).above(np.array([[0.1], [0.3]])).tolist()
        [[False], [True]]
    """

    rule: ThresholdRule
    thresholds: tuple[float, ...] = (HALF,)

    @classmethod
    def of_rule(cls, kind: str, task: str, rule: ThresholdRule) -> Decision | None:
        """Return what a task decides by before it is fitted; `None`: one half, and nothing is to be chosen.

        Raises:
            InvalidArgumentError: the rule is none.
        """
        if rule is None:
            return None
        where = f"{kind}({task!r}, threshold={rule!r})"
        if isinstance(rule, int | float) and not isinstance(rule, bool):
            if expected := expected_number(rule, 0.0, 1.0, open_low=True, open_high=True):
                raise InvalidArgumentError(f"{where}: {expected}.")
            return cls(rule, (float(rule),))
        if isinstance(rule, Mapping) and list(rule) == ["cost_ratio"]:
            ratio = rule["cost_ratio"]
            is_number = isinstance(ratio, int | float)
            if expected := expected_number(ratio, 1e-6, 1e6) if is_number else "expected a number":
                raise InvalidArgumentError(f"{where}: {expected}.")
            return cls(rule)
        if rule not in RULES:
            raise InvalidArgumentError(
                f"{where}: expected {', '.join(map(repr, RULES))}, a number in (0, 1), or "
                "{'cost_ratio': r}, by which a missed yes costs as much as r false ones."
            )
        return cls(rule)

    @property
    def is_chosen(self) -> bool:
        """Whether held-out rows choose; otherwise a number was given."""
        return not isinstance(self.rule, int | float)

    @property
    def title(self) -> str:
        """What is chosen by, in words."""
        if isinstance(self.rule, Mapping):
            return f"the least cost, a missed yes counting as {self.rule['cost_ratio']:g} false ones,"
        return f"the largest {self.rule}"

    def above(self, probabilities: Any) -> Any:
        """Return which probabilities [..., T] are a yes, and not by rounding alone; NumPy or torch."""
        xp = array_api_compat.array_namespace(probabilities)
        device = array_api_compat.device(probabilities)
        limits = [beyond(one) for one in self.thresholds]
        return probabilities > xp.asarray(limits, dtype=probabilities.dtype, device=device)

    def of(self, metric: Metric) -> Metric:
        """Return a metric that counts hits by these decisions; another one as it is."""
        if not metric.counts_hits:
            return metric
        return replace(metric, record=_DecidedRecord(metric.record, self.thresholds))

    def choose(
        self, task: str, labels: Sequence[str], scores: np.ndarray, targets: np.ndarray, *, mask: np.ndarray
    ) -> tuple[Decision, str]:
        """Return the decision that held-out rows choose, and a sentence about it.

        Each label has the threshold between two of its probabilities there that does best by the rule; what
        does as well as one half leaves one half, and so do fewer than five rows of yes or of no. The rows are
        also those that epochs and temperatures are chosen by, never those of the test.

            f1                  2 TP / (2 TP + FP + FN)
            balanced_accuracy   (TP / P + TN / N) / 2; "youden" is the same choice: J = TP / P + TN / N - 1
            cost_ratio r        -(FP + r FN)

        Source: Lipton, Elkan and Naryanaswamy, "Optimal Thresholding of Classifiers to Maximize F1 Measure",
        2014, https://arxiv.org/abs/1402.1892; Youden, "Index for rating diagnostic tests", 1950.

        Args:
            task: its name.
            labels: names of the T labels.
            scores: probabilities [N, T].
            targets: [N, T], 0 or 1.
            mask: [N, T], bool or weights.
        """
        known, weights = known_and_weights(mask)
        thresholds, few, gains = [], [], []
        for t, label in enumerate(labels):
            rows = known[:, t]
            truth = targets[rows, t] > HALF
            if min(int(truth.sum()), int((~truth).sum())) < LEAST:
                thresholds.append(HALF)
                few.append(label)
                continue
            of_rows = None if weights is None else weights[rows]
            found, value, at_half = best_threshold(self._value, scores[rows, t], truth, of_rows)
            thresholds.append(found)
            gains.append((value, at_half))
        return replace(self, thresholds=tuple(thresholds)), self._sentence(task, thresholds, few, gains)

    def _value(self, counts: _Counts) -> np.ndarray:
        """Return what is to be large, [...], of counts [...]."""
        if isinstance(self.rule, Mapping):
            return -(counts.false_yes + self.rule["cost_ratio"] * (counts.yes - counts.true_yes))
        if self.rule == "f1":
            return 2 * counts.true_yes / (counts.true_yes + counts.false_yes + counts.yes)
        true_no = counts.no - counts.false_yes
        return (counts.true_yes / counts.yes + true_no / counts.no) / 2

    def _sentence(
        self, task: str, thresholds: list[float], few: list[str], gains: list[tuple[float, float]]
    ) -> str:
        why = f"fewer than {LEAST} validation rows of yes or of no to choose by"
        if not gains:
            return f"{task}: decided at 0.5: {why}."
        chosen = [one for one in thresholds if one != HALF] or [HALF]
        low, high = min(chosen), max(chosen)
        at = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        after, before = np.mean(gains, axis=0)
        mean = "" if len(thresholds) == 1 else ", mean of the labels"
        left = f"; {len(few)} of {len(thresholds)} labels stay at 0.5: {why}" if few else ""
        return (
            f"{task}: decided at {at}, by {self.title} on the validation rows ({after:.3f}{mean}; "
            f"{before:.3f} at 0.5){left}."
        )


@dataclass(frozen=True)
class _Counts:
    """Yes and no in all, and how many of each are called yes."""

    yes: float
    no: float
    true_yes: np.ndarray
    false_yes: np.ndarray


def best_threshold(
    value: Callable[[_Counts], np.ndarray], scores: np.ndarray, truth: np.ndarray, weights: Weights = None
) -> tuple[float, float, float]:
    """Return the best threshold, its value, and the value of one half.

    Args:
        value: of counts, larger is better.
        scores: probabilities [N].
        truth: bool [N], with both values.
        weights: [N] how much each row counts.
    """
    of_row = np.ones(len(scores)) if weights is None else weights
    groups = tie_groups(scores)
    n_groups = int(groups.max()) + 1
    yes, no = (np.bincount(groups, of_row * of, minlength=n_groups) for of in (truth, ~truth))
    highest, lowest = np.zeros(n_groups), np.ones(n_groups)
    np.maximum.at(highest, groups, scores)
    np.minimum.at(lowest, groups, scores)
    # Yes from the group k on; none is a yes at the last place.
    true_yes, false_yes = (np.append(of[::-1].cumsum()[::-1], 0.0) for of in (yes, no))
    cuts = (np.append(0.0, highest) + np.append(lowest, 1.0)) / 2
    values = value(_Counts(yes.sum(), no.sum(), true_yes, false_yes))
    above = scores > beyond(HALF)
    half = np.array([(of_row * (above & of)).sum() for of in (truth, ~truth)])
    at_half = float(value(_Counts(yes.sum(), no.sum(), half[0], half[1])))
    best = float(values.max())
    if best <= at_half + 1e-12:
        return HALF, at_half, at_half
    as_good = np.flatnonzero(values >= best - 1e-12)
    place = as_good[np.argmin(np.abs(cuts[as_good] - HALF))]
    return float(cuts[place]), best, at_half


@final
@dataclass(frozen=True)
class _DecidedRecord:
    """The record of decisions in the place of probabilities; equal ones are one and the same record."""

    record: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    thresholds: tuple[float, ...]

    def __call__(self, scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        decided = Decision(None, self.thresholds).above(scores)
        return self.record(decided.astype(np.float64), targets, mask)


def above(decision: Decision | None, probabilities: Any) -> Any:
    """Return which probabilities [..., T] are a yes; without a decision those beyond one half."""
    return probabilities > beyond(HALF) if decision is None else decision.above(probabilities)
