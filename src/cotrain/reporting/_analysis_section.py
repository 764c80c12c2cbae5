"""The analysis of a run as sections of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.reporting._analysis import NO_RECORDS, NOTHING
from cotrain.reporting._document import Section, Table, TableCell
from cotrain.reporting._formatting import short, shown, signed_cell


def advice_section(analysis: Mapping[str, Any]) -> Section | None:
    """Return what follows from the records of a run, the gravest first; `None` where nothing does."""
    points = [point for point in analysis["sentences"] if point not in (NO_RECORDS, NOTHING)]
    if not points:
        return None
    things = "One thing stands out" if len(points) == 1 else f"{len(points)} things stand out"
    return Section(f"{things}, and what to try", [], points=points)


def analysis_section(analysis: Mapping[str, Any]) -> Section | None:
    """Return lengths, directions and affinities of the tasks' gradients; `None` without records."""
    gradients = analysis["gradients"]
    if gradients is None:
        return None
    tasks = gradients["tasks"]
    lengths = [
        [
            TableCell(task),
            TableCell(shown(gradients["norms"][k])),
            TableCell(shown(gradients["weights"][k])),
            TableCell(_percent(gradients["share"][k]), "bar", gradients["share"][k] or 0.0),
        ]
        for k, task in enumerate(tasks)
    ]
    largest = max((abs(v) for row in gradients["affinity"] for v in row if v is not None), default=0.0)
    tables = [
        Table(
            ["task", "gradient length", "weight", "share of the pull"],
            lengths,
            "Who moves the shared parameters",
            "Pull = weight times length of the gradient on the shared parameters, mean over the run.",
        ),
        _matrix(tasks, gradients["cosines"], 1.0, "Cosines between gradients",
                note="Positive = the same way, negative = against each other."),
        _matrix(tasks, gradients["affinity"], largest, "Affinity: the row's task helps the column's",
                note="Share by which a small step along the row's gradient lowers the column's loss, at "
                "learning rate 1; negative = it raises it."),
    ]  # fmt: skip
    shares = {task: share or 0.0 for task, share in zip(tasks, gradients["share"], strict=True)}
    loud = max(shares, key=lambda task: shares[task])
    return Section(f"{short(loud)} has {shares[loud]:.0%} of the pull on the shared parameters", tables)


def _matrix(
    tasks: Sequence[str], values: Sequence[Sequence[float | None]], largest: float, title: str, *, note: str
) -> Table:
    rows = [
        [TableCell(task), *(signed_cell(value, largest) for value in row)]
        for task, row in zip(tasks, values, strict=True)
    ]
    return Table(["task", *tasks], rows, title, note)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
