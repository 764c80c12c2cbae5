"""What a run of co-training has to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, final

from torch import Tensor

from cotrain.cotraining._predictions import Prediction, joined
from cotrain.cotraining._pseudo_labels import PseudoLabels
from cotrain.cotraining.guards._teacher_assessment import TeacherAssessment
from cotrain.cotraining.peers import FittedPeer


@final
@dataclass(frozen=True)
class TaskRound:
    """One task in one round.

    Args:
        task: its name.
        accepted: number of distinct pseudo-labels over all learners' stores, per learner on average.
        coverage: share of the unlabelled cells that have one.
        per_class: class -> accepted on average.
        estimated_accuracy: mean confidence of the accepted; NaN without any.
        true_accuracy: the same against the truth, where it is known; NaN otherwise.
        surest: largest confidence of any candidate; NaN without any.
        start: validation value of the supervised start; NaN without validation.
        before: that of the round before.
        after: that of this round.
        note: why nothing was accepted, or what was refused; "" if all went well.
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
    """One round: its number, its tasks, and the optimiser steps of each peer's fit."""

    round: int
    tasks: Sequence[TaskRound]
    updates: Sequence[int]

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        tasks = {task.task: task.to_json() for task in self.tasks}
        return {"round": self.round, "updates": list(self.updates), "tasks": tasks}

    def lines(self) -> list[str]:
        """Return the round as lines of text, one per task."""
        lines = []
        for task in self.tasks:
            parts = [f"{task.accepted} accepted ({task.coverage:.0%})"]
            if task.estimated_accuracy == task.estimated_accuracy:
                parts.append(f"estimated accuracy {task.estimated_accuracy:.2f}")
            if task.after == task.after:
                parts.append(f"validation {task.before:.3g} -> {task.after:.3g} (start {task.start:.3g})")
            lines.append(
                f"round {self.round}  {task.task}: " + ", ".join([*parts, task.note] if task.note else parts)
            )
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
        licences: peer -> task -> whether and how it may teach.
        pool: rows without any label that were looked at.
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

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return the joint answer for every task, each from its chosen round."""
        needed = sorted(set(self.chosen.values()))
        by_round = {number: answers(self.fitted[number], self.answering, inputs) for number in needed}
        return {task: by_round[number][task] for task, number in self.chosen.items()}

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
