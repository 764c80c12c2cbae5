"""Rows of the test part with what was predicted of them, to be looked at and listened to by a person."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import numpy_generator, strict_json, write_text_atomically
from cotrain._base._ragged import labelled_rows, padded
from cotrain.comparison.runs._exhibits import plain_exhibit, plain_picture, plain_sound
from cotrain.data.columns import Column, Subwords, Words
from cotrain.evaluation import EvaluationRow, TaskRecords
from cotrain.learner import EXAMPLES, Learner, SplitTable
from cotrain.tasks import Exhibit, Exhibiting, Task

#: Rows that are looked at; those that are shown, in all and for a task; columns that are shown beside them.
LOOKED_AT, MOST, MOST_OF_TASK, MOST_COLUMNS = 400, 12, 4, 8
#: Rows of a table that are shown for a task: the worst ones.
WORST = 10
#: Characters that all examples may take: a report is mailed.
MOST_CHARACTERS = 2_000_000


def write_examples(learner: Learner, split: SplitTable, folder: Path, *, rows: bool = True) -> None:
    """Write examples of the test rows, or without these of the validation rows, into the folder of a run.

    Args:
        learner: fitted on a table.
        split: its rows.
        folder: of the run.
        rows: `False`: nothing of any row, only what is known of the columns and tasks.
    """
    part = "test" if split.n_rows["test"] else "validation"
    shown = slice(None) if rows else slice(0)
    called, table = split.places(part)
    found = {
        "part": part,
        "table": table,
        "columns": columns_of(learner, split["train"]),
        **examples_of(learner, split[part][shown], called[shown]),
    }
    write_text_atomically(folder / EXAMPLES, strict_json(found) + "\n")


def columns_of(learner: Learner, train: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the input columns: name, kind, and the share of the training rows where the cell is missing."""
    schema = learner.preprocessor.schema
    if schema is None:
        return []
    frame = learner.preprocessor.table(train).frame
    return [
        {
            "name": column.name,
            "kind": type(column).__name__.lower(),
            "missing": frame[column.name].null_count() / max(1, frame.height),
        }
        for column in schema.columns
        if column.name in frame.columns
    ]


def examples_of(learner: Learner, rows: pl.DataFrame, numbers: np.ndarray) -> dict[str, Any]:
    """Return some rows with their labels and what was predicted.

    Of up to 400 rows drawn by lot, and of those that a task has labels on, the worst and some typical ones
    are taken: the worst by the task's selecting metric of the row alone, and where that is equal or not
    defined by its loss; the typical ones are nearest to the median. Where an input is a picture or a sound,
    or a task's answer is more than a text, up to 12 rows are shown with everything that they have, of other
    tables up to ten of the worst rows a task.

    Args:
        learner: fitted on a table.
        rows: with labels.
        numbers: how the rows are called, see `SplitTable.places`.

    Returns:
        Plain JSON values: rows (pictures, maps and sounds as texts), worst (task -> rows), and what is known
        of the tasks.
    """
    found: dict[str, Any] = {"tasks": {}, "rows": [], "worst": {}}
    schema = learner.preprocessor.schema
    if schema is None:
        return found
    tasks = learner.preprocessor.tasks
    found["tasks"] = {task.name: {"classes": task.class_names} for task in tasks}
    if not rows.height:
        return found
    drawn = np.sort(numpy_generator("examples").permutation(rows.height)[:LOOKED_AT])
    table, called = rows[drawn], numbers[drawn].tolist()
    ranked = _ranked(learner, table)
    media = [column for column in schema.columns if column.picture is not None or column.sound_rate]
    if media or any(isinstance(task, Exhibiting) for task in tasks):
        chosen = _chosen(ranked)
        shown = _Shown(learner, table[[one.place for one in chosen]], media)
        _fill(found["rows"], (one.plain(called) | shown.row(i) for i, one in enumerate(chosen)))
        return found
    for task in tasks:
        worst = [one for one in ranked[task.name] if one.which == "worst"]
        if worst and task.reads == "vector":
            shown = _Shown(learner, table[[one.place for one in worst]], [])
            found["worst"][task.name] = [one.plain(called) | shown.row(i) for i, one in enumerate(worst)]
    return found


@final
@dataclass(frozen=True)
class _Choice:
    """A row that is shown: its place among those looked at, for which task, and why."""

    place: int
    task: str
    which: str
    metric: str
    value: float | None

    def plain(self, called: Sequence[int | str]) -> dict[str, Any]:
        return {
            "row": called[self.place],
            "task": self.task,
            "which": self.which,
            "metric": self.metric,
            "value": self.value,
        }


def _ranked(learner: Learner, table: pl.DataFrame) -> dict[str, list[_Choice]]:
    """Return the labelled rows of each task: the worst ones, the worst first, and those near the median."""
    examples = learner.preprocessor.examples(table)
    tasks = {task.name: task for task in learner.preprocessor.tasks}
    records = {name: TaskRecords(task, task.chosen_metrics()[:1]) for name, task in tasks.items()}
    losses: dict[str, list[float]] = {name: [] for name in tasks}
    typed = learner.preprocessor.table(table)
    for rows, outputs in learner.fitted.output_batches(typed, examples.inputs):
        for name, task in tasks.items():
            leaves = [outputs[name], examples.targets[name][rows], examples.masks[name][rows]]
            records[name].add(*leaves)
            for i in range(len(leaves[0])):
                output, target, mask = (padded(leaf[i : i + 1]) for leaf in leaves)
                losses[name].append(float(task.loss(output, target, mask)))
    found = {}
    for name in tasks:
        places = np.flatnonzero(labelled_rows(examples.masks[name]).numpy())
        values = [records[name].rows(of=np.array([place]))[0] for place in places]
        found[name] = _in_order(places, values, np.array(losses[name])[places])
    return found


def _in_order(places: np.ndarray, values: Sequence[EvaluationRow], loss: np.ndarray) -> list[_Choice]:
    """Return the worst rows, the worst first, and the others, the nearest to the median first.

    Args:
        places: of the labelled rows, [N].
        values: the selecting metric on each of them alone.
        loss: of each of them, [N].
    """
    if not len(places):
        return []
    sign = -1.0 if values[0].direction == "max" else 1.0
    badness = sign * np.array([row.value for row in values], dtype=np.float64)
    # Where a figure is not defined the loss decides, and the row is none of the worst by that figure.
    least = badness[np.isfinite(badness)].min(initial=np.inf)
    badness = np.where(np.isfinite(badness), badness, least if np.isfinite(least) else 0.0)
    loss = np.nan_to_num(loss, nan=0.0, posinf=1e30)

    def choice(number: int, which: str) -> _Choice:
        row = values[number]
        value = float(row.value) if np.isfinite(row.value) else None
        return _Choice(int(places[number]), row.task, which, row.metric, value)

    worst = np.lexsort((-loss, -badness))
    n_worst = min(WORST, (len(places) + 1) // 2)
    far = [np.abs(of - np.median(of)) for of in (loss, badness)]
    rest = worst[n_worst:]
    typical = rest[np.lexsort((far[0][rest], far[1][rest]))]
    return [choice(number, "worst") for number in worst[:n_worst].tolist()] + [
        choice(number, "typical") for number in typical.tolist()
    ]


def _chosen(ranked: Mapping[str, Sequence[_Choice]]) -> list[_Choice]:
    """Return the rows that are shown, no row twice, each task in turn."""
    n_tasks = sum(bool(order) for order in ranked.values())
    most = max(1, min(MOST_OF_TASK, MOST // max(1, n_tasks)))
    taken: set[int] = set()
    found = []
    for order in ranked.values():
        for which, number in (("worst", (most + 1) // 2), ("typical", most // 2)):
            kept = [one for one in order if one.which == which and one.place not in taken][:number]
            taken |= {one.place for one in kept}
            found += kept
    return found[:MOST]


class _Shown:
    """Rows with their inputs, labels and predictions as plain values."""

    def __init__(self, learner: Learner, table: pl.DataFrame, media: Sequence[Column]) -> None:
        self.tasks, self.media = learner.preprocessor.tasks, list(media)
        self.cells = {name: table[name].to_list() for name in table.columns}
        said = learner.predict(table) if table.height else pl.DataFrame()
        self.said = {name: said[name].to_list() for name in said.columns}
        self.labelled = {task.name: labelled_rows(task.encode(table)[1]).tolist() for task in self.tasks}
        outputs = learner.outputs(table) if table.height else {}
        self.sure = {
            task.name: task.confidence(outputs[task.name])[:, 0].tolist()
            for task in self.tasks
            if _is_one_class(task) and task.name in outputs
        }
        others = {one.name for one in self.media} | {name for task in self.tasks for name in task.columns}
        schema = learner.preprocessor.schema
        columns = schema.columns if schema is not None else []
        read = [one.name for one in columns]
        self.sentences = {one.name for one in columns if isinstance(one, Words | Subwords)}
        given = [name for task in self.tasks for name in getattr(task, "given", ())]
        # What is an input comes first.
        names = [*dict.fromkeys([*read, *given])]
        self.beside = [name for name in names if name in self.cells and name not in others][:MOST_COLUMNS]

    def row(self, i: int) -> dict[str, Any]:
        """Return one row."""
        return {
            "inputs": {column.name: self._input(column, i) for column in self.media},
            "beside": {
                name: _text(self.cells[name][i], " " if name in self.sentences else ", ")
                for name in self.beside
            },
            "tasks": {task.name: self._answer(task, i) for task in self.tasks},
        }

    def _input(self, column: Column, i: int) -> dict[str, Any] | None:
        cell = self.cells[column.name][i]
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            return None
        return plain_picture(cell) if column.picture is not None else plain_sound(cell, column.sound_rate)

    def _answer(self, task: Task, i: int) -> dict[str, Any]:
        said = {name: self.said[_predicted(name, task, self.said)][i] for name in task.columns
                if _predicted(name, task, self.said) in self.said}  # fmt: skip
        true = {name: self.cells[name][i] for name in task.columns} if self.labelled[task.name][i] else None
        found = {
            "true": None if true is None else _seen(task, true, label=True),
            "predicted": _seen(task, said, label=False),
        }
        if task.name in self.sure:
            found["sure"] = round(float(self.sure[task.name][i]), 3)
        # The same recording is not kept twice.
        same = found["true"] is not None and set(task.columns) & {one.name for one in self.media}
        if same and "wav" in found["true"]:
            found["true"]["wav"] = ""
        return found


def _is_one_class(task: Task) -> bool:
    return task.reads == "vector" and task.has_classes and len(task.columns) == 1 and len(task.labels) == 1


def _predicted(column: str, task: Task, said: Mapping[str, Any]) -> str:
    return column if column in said and column in task.output_columns else task.name


def _seen(task: Task, cells: Mapping[str, Any], *, label: bool) -> dict[str, Any] | None:
    """Return what is seen of the cells of a task; `None` where nothing was predicted."""
    if isinstance(task, Exhibiting):
        cell = next(iter(cells.values()), None)
        return None if cell is None else plain_exhibit(task.exhibit(cell, label=label))
    parts = [_text(cell) if len(cells) == 1 else f"{name}: {_text(cell)}" for name, cell in cells.items()]
    return plain_exhibit(Exhibit("text", ", ".join(parts))) if cells else None


def _text(cell: Any, between: str = ", ") -> str:
    """Return a cell as it is read in a report; `between` stands between the entries of a list."""
    if cell is None:
        return "–"
    if isinstance(cell, bytes):
        return f"{len(cell)} bytes"
    if isinstance(cell, float):
        return f"{cell:.4g}"
    if isinstance(cell, list):
        return between.join("–" if one is None else str(one) for one in cell)[:200] or "(none)"
    return str(cell)[:200]


def _fill(found: list[dict[str, Any]], rows: Iterable[dict[str, Any]]) -> None:
    """Take rows as long as there is room."""
    room = MOST_CHARACTERS
    for row in rows:
        room -= len(json.dumps(row))
        if room >= 0:
            found.append(row)
