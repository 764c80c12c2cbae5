"""What a run of co-training has to tell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, final

from torch import Tensor

from cotrain.cotraining._predictions import Prediction, class_names, joined
from cotrain.cotraining.guards._held_out import HeldOut, TeacherAssessment
from cotrain.cotraining.peers import FittedPeer
from cotrain.cotraining.rounds._pseudo_labels import LabellingResult, PseudoLabels, true_accuracy
from cotrain.tasks import Task
from cotrain.training import Examples


@final
@dataclass(frozen=True)
class TaskRound:
    """One task in one round.

    Args:
        task: its name.
        accepted: number of distinct pseudo-labels over all learners' stores, per learner on average.
        coverage: share of the unlabelled cells that have one.
        per_class: class -> accepted on average.
        estimated_accuracy: mean confidence of the accepted; NaN without any, and of numbers, whose confidence
            is a rank among the rows and no chance of being right.
        true_accuracy: the same against the truth, where it is known; NaN otherwise.
        surest: largest confidence of any candidate; NaN without any.
        start: validation value of the supervised start; NaN without validation.
        before: that of the round before.
        after: that of this round.
        note: why nothing was accepted, or what was refused; "" if all went well.

    Example:
        >>> one = TaskRound("sold", 12, 0.1, {"yes": 12}, 0.9, float("nan"), 0.99, 0.8, 0.8, 0.82, "")
        >>> one.accepted, "true_accuracy" in one.to_json()
        (12, False)
    """

    task: str
    accepted: int
    coverage: float
    per_class: Mapping[str, int]
    estimated_accuracy: float
    true_accuracy: float
    surest: float
    start: float
    before: float
    after: float
    note: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values; what is not a number is left out."""
        return {name: value for name, value in asdict(self).items() if value == value}


@final
@dataclass(frozen=True)
class RoundRecord:
    """One round: its number, its tasks, the optimiser steps of each peer's fit, and whose it is.

    Args:
        round: its number, from 1.
        tasks: what became of each.
        updates: optimiser steps of each peer's fit.
        strategy: whose round it is where several are tried; "" where there is one.

    Example:
        >>> one = TaskRound("sold", 12, 0.1, {"yes": 12}, 0.9, float("nan"), 0.99, 0.8, 0.8, 0.82, "")
        >>> RoundRecord(1, [one], [300]).to_json()["tasks"]["sold"]["accepted"]
        12
    """

    round: int
    tasks: Sequence[TaskRound]
    updates: Sequence[int]
    strategy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        tasks = {task.task: task.to_json() for task in self.tasks}
        whose = {"strategy": self.strategy} if self.strategy else {}
        return {"round": self.round, **whose, "updates": list(self.updates), "tasks": tasks}

    def lines(self) -> list[str]:
        """Return the round as lines of text, one per task."""
        lines = []
        for task in self.tasks:
            parts = [f"{task.accepted} accepted ({task.coverage:.0%})"]
            if task.estimated_accuracy == task.estimated_accuracy:
                parts.append(f"estimated accuracy {task.estimated_accuracy:.2f}")
            if task.after == task.after:
                parts.append(f"validation {task.before:.3g} -> {task.after:.3g} (start {task.start:.3g})")
            whose = f"{self.strategy} round" if self.strategy else "round"
            said = ", ".join([*parts, task.note] if task.note else parts)
            lines.append(f"{whose} {self.round}  {task.task}: {said}")
        return lines


@final
@dataclass(frozen=True)
class CoTrainingResult:
    """What co-training leaves.

    Args:
        records: the rounds.
        chosen: task -> the round that answers for it; 0 = the supervised start.
        stopped: why it ended, in words.
        verdicts: task -> what became of it, in words.
        peers: names of the peers.
        fitted: the peers of each round, the start's first.
        answering: numbers of the peers that answer.
        labels: task -> pseudo-labels of the answering peers in the chosen round; none after a fall-back.
        assessments: peer -> task -> whether and how it may teach.
        pool: rows without any label that were looked at.
        held_out: task -> what every round predicts for labelled rows that it has not learned from.
        doubted: task -> true labels that were taken out as probably wrong; empty where none were looked for.
        online: whether the peers went on from round to round, so that no fit to the labels of one round is
            what they are.
        unlike: task -> in what its labelled rows were seen to differ from the unlabelled ones, in words.
    """

    records: Sequence[RoundRecord]
    chosen: Mapping[str, int]
    stopped: str
    verdicts: Mapping[str, str]
    peers: Sequence[str]
    fitted: Sequence[Sequence[FittedPeer]]
    answering: Sequence[int]
    labels: Mapping[str, PseudoLabels]
    assessments: Sequence[Mapping[str, TeacherAssessment]] = field(default=())
    pool: int = 0
    held_out: Mapping[str, HeldOut] = field(default_factory=dict)
    doubted: Mapping[str, int] = field(default_factory=dict)
    online: bool = False
    unlike: Mapping[str, str] = field(default_factory=dict)

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return the joint answer for every task, each from its chosen round."""
        needed = sorted(set(self.chosen.values()))
        by_round = {number: answers(self.fitted[number], self.answering, inputs) for number in needed}
        return {task: by_round[number][task] for task, number in self.chosen.items()}

    def for_answers(self) -> CoTrainingResult:
        """Return what answers need: the peers of the rounds that were chosen, and what there is to tell."""
        needed = set(self.chosen.values())
        kept = [fitted if number in needed else [] for number, fitted in enumerate(self.fitted)]
        return replace(self, fitted=kept, assessments=(), held_out={})

    def in_double(self) -> None:
        """Answer in float64 from now on."""
        for fitted in self.fitted:
            for one in fitted:
                one.in_double()

    @property
    def updates(self) -> int:
        """Largest number of optimiser steps of any single fit."""
        return max(one.updates for fitted in self.fitted for one in fitted)

    def to_json(self) -> dict[str, Any]:
        """Return what there is to tell as plain values."""
        return {
            "peers": list(self.peers),
            "pool": self.pool,
            "stopped": self.stopped,
            "chosen": dict(self.chosen),
            "verdicts": dict(self.verdicts),
            "held_out_labels": {task: held.n_labels for task, held in self.held_out.items()},
            "doubted_labels": dict(self.doubted),
            "unlike": dict(self.unlike),
            "accepted": {task: labels.n_accepted for task, labels in self.labels.items()},
            "rounds": [record.to_json() for record in self.records],
        }


def answers(
    fitted: Sequence[FittedPeer], answering: Sequence[int], inputs: Mapping[str, Tensor]
) -> dict[str, Prediction]:
    """Return the joint prediction of the answering peers, for every task that any of them knows."""
    return joint_answer([fitted[number].predictions(inputs) for number in answering])


def joint_answer(predictions: Sequence[Mapping[str, Prediction]]) -> dict[str, Prediction]:
    """Return what several peers believe together, for every task that any of them knows."""
    found: dict[str, list[Prediction]] = {}
    for of_peer in predictions:
        for task, prediction in of_peer.items():
            found.setdefault(task, []).append(prediction)
    return {task: joined(of_task) for task, of_task in found.items()}


def nothing_accepted(taught: Sequence[Mapping[str, LabellingResult]]) -> str:
    """Say why no peer was taught anything, task by task.

    Args:
        taught: per peer, task -> what it was offered.
    """
    surest: dict[str, list[float]] = {}
    for labels in taught:
        for task, one in labels.items():
            known = surest.setdefault(f"{task}: {one.note}", [])
            known += [] if math.isnan(one.surest) else [one.surest]
    notes = [note + (f" (surest {max(known):.2f})" if known else "") for note, known in surest.items()]
    return "nothing was accepted: " + "; ".join(sorted(notes))


def task_round(
    task: Task,
    found: Sequence[LabellingResult],
    values: Sequence[float],
    *,
    n_free: int,
    refused: str,
    truth: Examples | None,
) -> TaskRound:
    """Return the record of one task in one round, as means over the peers that were taught.

    Args:
        task: fitted.
        found: per peer that was taught, its labels.
        values: of the validation at the start, before the round and after it.
        n_free: number of cells that may be labelled.
        refused: why the round may not answer for the task; "" if it may.
        truth: true labels of all rows, where known.
    """
    total = sum(int(one.labels.accepted.sum()) for one in found)
    per_class: dict[str, int] = {}
    for number, name in enumerate(class_names(task)):
        hits = sum(int((one.labels.accepted & (one.labels.values == number)).sum()) for one in found)
        per_class[name] = round(hits / max(1, len(found)))
    sure = sum(float(one.labels.confidence.sum()) for one in found)
    notes = sorted({one.note for one in found if one.note})
    if refused:
        notes.append(f"refused: {refused}")
    surest = [one.surest for one in found if not math.isnan(one.surest)]
    return TaskRound(
        task=task.name,
        accepted=round(total / max(1, len(found))),
        coverage=total / max(1, len(found) * n_free),
        per_class=per_class,
        estimated_accuracy=sure / total if total and task.has_classes else math.nan,
        true_accuracy=true_accuracy(task, found, truth),
        surest=max(surest, default=math.nan),
        start=values[0],
        before=values[1],
        after=values[2],
        note="; ".join(notes),
    )
