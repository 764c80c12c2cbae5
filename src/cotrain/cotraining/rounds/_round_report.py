"""What a round came to, for a record and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cotrain.cotraining.rounds._pseudo_labeller import LabellingResult, true_accuracy
from cotrain.cotraining.rounds._records import TaskRound
from cotrain.tasks import Task
from cotrain.training import Examples


def nothing_accepted(taught: Sequence[Mapping[str, LabellingResult]]) -> str:
    """Say why no peer was taught anything, task by task.

    Args:
        taught: per peer, task -> what it was offered.
    """
    notes = {
        f"{task}: {one.note}" + ("" if math.isnan(one.surest) else f" (surest {one.surest:.2f})")
        for labels in taught
        for task, one in labels.items()
    }
    return "nothing was accepted: " + "; ".join(sorted(notes))


def task_round(
    task: Task,
    found: Sequence[LabellingResult],
    values: Sequence[float],
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
    if task.coding == "class":
        for number, name in enumerate(task.parts):
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
        estimated_accuracy=sure / total if total else math.nan,
        true_accuracy=true_accuracy(task, found, truth),
        surest=max(surest, default=math.nan),
        start=values[0],
        before=values[1],
        after=values[2],
        note="; ".join(notes),
    )
