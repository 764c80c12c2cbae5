"""The input columns: what they are, what is missing, and which of them the tasks rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.reporting._document import Section, Table, TableCell
from cotrain.reporting._formatting import counted, listed, short, shown

#: Columns that a table lists, the most missing or the most important first.
MOST_COLUMNS = 25


def columns_section(columns: Sequence[Mapping[str, Any]]) -> Section | None:
    """Return the input columns with their kinds and missing shares; `None` where none are known.

    Args:
        columns: name, kind, and the share of the training rows in which the cell is missing.
    """
    if not columns:
        return None
    kinds = Counter(column["kind"] for column in columns)
    parts = [f"{number} × {kind}" for kind, number in kinds.most_common()]
    title = f"{counted(len(columns), 'input columns')}: {listed(parts, most=6)}"
    worst = max(columns, key=lambda column: column["missing"])
    told = "no cell of them is missing in training"
    if worst["missing"] > 0:
        told = f"the most is missing of {short(worst['name'])} ({worst['missing']:.0%} of the training rows)"
    order = sorted(columns, key=lambda column: -column["missing"])
    rows = [
        [
            TableCell(column["name"]),
            TableCell(column["kind"]),
            TableCell(f"{column['missing']:.1%}", "bar", column["missing"]),
        ]
        for column in order[:MOST_COLUMNS]
    ]
    left = len(columns) - len(rows)
    note = f"{left} more are in schema.json." if left > 0 else ""
    table = Table(["column", "read as", "missing in training"], rows, "The input columns", note, folded=True)
    return Section(title, [table], f"{told[:1].upper()}{told[1:]}.")


def importance_section(diagnostics: Mapping[str, Mapping[str, Any]]) -> Section | None:
    """Return how much worse each task gets without a column; `None` where it was not measured."""
    measured = {task: one.get("importance", {}) for task, one in diagnostics.items()}
    found = {task: one for task, one in measured.items() if one.get("columns")}
    if not found:
        return None
    means: dict[str, dict[str, float]] = {
        task: {one["column"]: sum(one["drops"]) / len(one["drops"]) for one in of["columns"]}
        for task, of in found.items()
    }
    spreads = {
        task: {one["column"]: (min(one["drops"]), max(one["drops"])) for one in of["columns"]}
        for task, of in found.items()
    }
    largest = {task: max(map(abs, of.values())) for task, of in means.items()}
    names = list(dict.fromkeys(name for of in means.values() for name in of))

    def weight(name: str) -> float:
        shares = (of.get(name, 0.0) / largest[task] for task, of in means.items() if largest[task] > 0)
        return max(shares, default=0.0)

    names.sort(key=weight, reverse=True)
    rows = []
    for name in names[:MOST_COLUMNS]:
        cells = [TableCell(name)]
        for task, of in means.items():
            if name not in of:
                cells.append(TableCell("–"))
                continue
            low, high = spreads[task][name]
            share = max(0.0, of[name]) / largest[task] if largest[task] > 0 else 0.0
            detail = f"{shown(low, signed=True)} to {shown(high, signed=True)}"
            cells.append(TableCell(shown(of[name], signed=True), "bar", share, detail=detail))
        rows.append(cells)
    first = {task: max(of, key=lambda name: of[name]) for task, of in means.items()}
    most = Counter(first.values()).most_common(1)[0]
    title = f"{short(most[0])} is what {counted(most[1], 'tasks')} of {len(first)} rest on most"
    note = (
        "By how much the figure of a task gets worse when the column is shuffled among the rows, mean of "
        "three shuffles and their range; around 0: the networks do without it. Of columns that say the same, "
        "each may seem to be of no use."
    )
    header = ["column", *(f"{task} ({found[task]['metric']})" for task in means)]
    return Section(title, [Table(header, rows, note=note)])
