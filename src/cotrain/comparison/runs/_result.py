"""What a run came to, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, final

from cotrain.evaluation import EvaluationTable


@final
@dataclass(frozen=True)
class TaskVerdict:
    """What one seed says of one task.

    Args:
        task: name of the task.
        metric: its selecting metric.
        word: "not judged", "learns nothing" or "unfinished training" beside a single-task network; "better
            than a constant" and the like where none was trained; "unknown" where there are too few labels.
        sentence: the same with figures.
        difference: value of the joint network minus that of the single-task network, in the metric's unit,
            positive = joint is better; `None` where there is none.
        leaning: "together" or "alone" where the test rows tell these two networks apart; "" where not.

    Example:
        >>> TaskVerdict("sold", "auroc", "not judged", "sold: not judged.", 0.05, "together").word
        'not judged'
    """

    task: str
    metric: str
    word: str
    sentence: str
    difference: float | None = None
    leaning: str = ""


@final
@dataclass(frozen=True)
class AnswerTest:
    """What the test rows say of the answer of one task.

    Args:
        task: name of the task.
        answer: who answers, such as "trees" or "0.5 joint + 0.5 trees".
        word: "better", "worse" or "no clear difference" beside the joint network, after Holm's correction
            over the tasks; "unknown" where there are too few labels; "" where the joint network answers.
        sentence: the same with figures.
        validation: contender -> its value on the validation rows, by which the choice was made.
        weights: member -> its share of the answer.
        difference: value of the answer minus that of the joint network on the test rows, positive = better;
            `None` where there is none.

    Example:
        >>> AnswerTest("sold", "joint", "", "sold: joint.").to_json()["word"]
        ''
    """

    task: str
    answer: str
    word: str
    sentence: str
    validation: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    difference: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        values = {name: v if math.isfinite(v) else None for name, v in self.validation.items()}
        return {**asdict(self), "validation": values}


@final
@dataclass(frozen=True)
class RunResult:
    """What `train_run` returns and writes to metrics.json.

    Args:
        table: test figures with the references beside them; its `unseen` labels stand under that key.
        verdicts: one per task.
        delta_m: mean relative gain over single-task networks; `None` where there are none.
        delta_m_sentence: that number with its definition.
        coverage: task -> part of the split -> labelled rows.
        n_rows: part of the split -> rows.
        best_epoch: criterion -> epoch, counted from 1.
        curves: task -> its selecting `metric`, the `direction` in which it is better, and `kept`, the epoch,
            counted from 1, whose weights answer for it.
        seconds: what took how long.
        skipped: task -> steps left out because a loss or gradient was not finite.
        diagnostics: task -> calibration, confusion, residuals or tagged sentences of the test rows.
        disagreements: pairs of tasks that contradict each other on the same picture, and how often.
        versions: package -> version that the run was made with.
        by_source: source -> task -> part of the split -> labelled rows, where there are several sources.
        answers: who answers for each task, where that was chosen (`answer: auto`).
        thresholds: a sentence for each task whose threshold was to be chosen.
        ensemble: a sentence about the networks, where each of them is several; "" where it is one.

    Example:
        >>> RunResult(EvaluationTable([]), [], None, "", {}, {"train": 56}, {}, {}, {}).to_json()["n_rows"]
        {'train': 56}
    """

    table: EvaluationTable
    verdicts: list[TaskVerdict]
    delta_m: float | None
    delta_m_sentence: str
    coverage: dict[str, dict[str, int]]
    n_rows: dict[str, int]
    best_epoch: dict[str, int]
    seconds: dict[str, float]
    skipped: dict[str, int]
    diagnostics: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    by_source: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    answers: list[AnswerTest] = field(default_factory=list)
    thresholds: list[str] = field(default_factory=list)
    ensemble: str = ""
    curves: dict[str, dict[str, Any]] = field(default_factory=dict)
    disagreements: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        values = {
            "rows": self.table.to_dicts(),
            "verdicts": [vars(verdict) for verdict in self.verdicts],
            "delta_m": self.delta_m,
            "delta_m_sentence": self.delta_m_sentence,
            "coverage": self.coverage,
            "n_rows": self.n_rows,
            "best_epoch": self.best_epoch,
            "curves": self.curves,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "skipped": self.skipped,
            "diagnostics": self.diagnostics,
            "versions": self.versions,
        }  # fmt: skip
        if self.disagreements:
            values["disagreements"] = self.disagreements
        if self.table.unseen:
            values["unseen"] = {task: dict(counts) for task, counts in self.table.unseen.items()}
        if self.answers:
            values["answers"] = [answer.to_json() for answer in self.answers]
        if self.thresholds:
            values["thresholds"] = self.thresholds
        if self.ensemble:
            values["ensemble"] = self.ensemble
        if not self.by_source:
            return values
        tables = self.table.by_source
        by_source = {
            source: {"coverage": coverage, "rows": tables[source].to_dicts() if source in tables else []}
            for source, coverage in self.by_source.items()
        }
        return {**values, "by_source": by_source}
