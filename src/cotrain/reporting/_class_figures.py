"""The figures of each class of a task, or of each of its columns, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.reporting._document import Table, TableCell
from cotrain.reporting._formatting import NAMES, counted, short, shown

#: Tasks and classes that get a table; the rest stays in metrics.json.
MOST_TASKS, MOST_CLASSES = 8, 40
#: Classes of a table that is open; a longer one waits behind its title.
MOST_OPEN = 10
#: What stands beside a figure: a space within a name or before its number is none to break a line at.
UNBROKEN = "\N{NO-BREAK SPACE}"


def class_tables(rows: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return a table for each task whose figures come apart: a class in a row, a metric in a column.

    Args:
        rows: those of metrics.json; a row with a part is the figure of that class or column.
    """
    tasks: dict[str, dict[str, dict[str, Mapping[str, Any]]]] = {}
    for row in rows:
        if row["part"] is not None:
            tasks.setdefault(row["task"], {}).setdefault(row["part"], {})[row["metric"]] = row
    return [
        _table(task, parts, folded=place > 0)
        for place, (task, parts) in enumerate(list(tasks.items())[:MOST_TASKS])
    ]


def _table(task: str, parts: Mapping[str, Mapping[str, Mapping[str, Any]]], *, folded: bool) -> Table:
    metrics = list(dict.fromkeys(metric for of in parts.values() for metric in of))
    first = {part: of[metrics[0]]["value"] for part, of in parts.items() if metrics[0] in of}
    known = {part: value for part, value in first.items() if value is not None}
    larger = next(iter(parts.values()))[metrics[0]]["direction"] == "max" if known else True
    title = f"{short(task)}: the figures of {counted(len(parts), 'parts')}"
    if known:
        worst = (min if larger else max)(known, key=lambda part: known[part])
        title = f"{short(task)} is worst on {short(worst)} ({metrics[0]} {shown(known[worst])})"
    telling = {
        metric: _telling_references([of[metric] for of in parts.values() if metric in of])
        for metric in metrics
    }
    # The rows of a class's figure are those with a label, of whichever class: mostly the same for all.
    n_labelled = {part: max(row["n_labelled"] for row in of.values()) for part, of in parts.items()}
    of_all = set(n_labelled.values()) if len(set(n_labelled.values())) == 1 else set()
    cells = []
    for part, of in list(parts.items())[:MOST_CLASSES]:
        name = TableCell(part, detail="" if of_all else counted(n_labelled[part], "rows"))
        cells.append([name, *(_cell(of.get(metric), telling[metric]) for metric in metrics)])
    left = len(parts) - len(cells)
    told = [f"Each on all {counted(n, 'labelled rows')}." for n in of_all]
    note = " ".join([*told, *([f"{counted(left, 'more')} in metrics.json."] if left > 0 else [])])
    directions = {metric: row["direction"] for of in parts.values() for metric, row in of.items()}
    header = [f"{metric} {'↑' if directions[metric] == 'max' else '↓'}" for metric in metrics]
    return Table(["part", *header], cells, title, note, folded=folded or len(cells) > MOST_OPEN)


def _telling_references(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the references whose figure is not the same for every part, as .5 is the AUROC of a constant."""
    values: dict[str, set[float]] = {}
    for row in rows:
        for name, value in row["references"].items():
            values.setdefault(name, set()).update(() if value is None else (value,))
    return [name for name, found in values.items() if len(found) > 1 or len(rows) == 1]


def _cell(row: Mapping[str, Any] | None, references: Sequence[str]) -> TableCell:
    if row is None or row["value"] is None:
        return TableCell("–")
    within = row["direction"] == "max" and 0 <= row["value"] <= 1
    beside = {name: row["references"].get(name) for name in references}
    told = [f"{NAMES.get(name, name)} {shown(value)}" for name, value in beside.items() if value is not None]
    detail = ", ".join(one.replace(" ", UNBROKEN) for one in told)
    return TableCell(shown(row["value"]), "bar" if within else "", row["value"] if within else None, detail)
