"""A table of figures: a row per task and metric, the references beside the value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, final

from cotrain._base import InvalidArgumentError, did_you_mean
from cotrain.evaluation._unseen_labels import unseen_sentences


@final
@dataclass(frozen=True)
class EvaluationRow:
    """One figure of one task.

    Args:
        task: name of the task.
        metric: name of the metric.
        direction: whether a larger ("max") or a smaller ("min") value is better.
        part: column, label or class that the figure is about; `None`: the whole task.
        n_labelled: labelled rows that it was computed on (for a label or column: its own).
        value: of the model; NaN where undefined.
        references: values of the same figure for others, such as "constant", "trees" or "single_task".
        by_chance: what a perfectly calibrated model with the same probabilities would have on as many labels,
            which is not 0, where the figure is a calibration error; `None` for others.

    Example:
        >>> row = EvaluationRow("sold", "auroc", "max", None, 120, 0.8, {"constant": 0.5})
        >>> row.value - row.references["constant"]
        0.30000000000000004
    """

    task: str
    metric: str
    direction: Literal["max", "min"]
    part: str | None
    n_labelled: int
    value: float
    references: dict[str, float] = field(default_factory=dict)
    by_chance: float | None = None

    def shown(self, reference: str | None = None) -> str:
        """Return the value, or that of a reference, as a table or a sentence shows it.

        Example:
            >>> EvaluationRow("capacity", "rmse", "min", None, 9, 3.3e-13, {"constant": 9.5e-13}).shown()
            '3.3e-13'
            >>> EvaluationRow("sold", "calibration_error", "min", None, 120, 0.08, by_chance=0.06).shown()
            '0.080 (chance alone: 0.060)'
        """
        if reference is None and self.by_chance is not None:
            return f"{figure(self.value, small=True)} (chance alone: {figure(self.by_chance, small=True)})"
        value = self.value if reference is None else self.references.get(reference, math.nan)
        return figure(value, small=self.direction == "min")


@final
@dataclass(frozen=True)
class EvaluationTable:
    """Figures of a model on one set of rows.

    Args:
        rows: the first row of a task is the metric that selects its best weights.
        by_source: source -> the same figures on its rows alone, of the tasks with labels there; nothing where
            there is one source.
        by_group: value of a column -> the same figures on its rows alone; nothing where none was asked for.
        unseen: task -> "column=value" -> labels of a value that training did not have; tasks without any are
            left out.

    Example:
        >>> table = EvaluationTable([EvaluationRow("a", "auroc", "max", None, 9, 0.75, {"constant": 0.5})])
        >>> print(table)
        task  metric  labelled  model  constant
        a     auroc          9  0.750     0.500
    """

    rows: Sequence[EvaluationRow]
    by_source: Mapping[str, EvaluationTable] = field(default_factory=dict)
    by_group: Mapping[str, EvaluationTable] = field(default_factory=dict)
    unseen: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[EvaluationRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks in order."""
        return list(dict.fromkeys(row.task for row in self.rows))

    @property
    def references(self) -> list[str]:
        """Names of the references in order."""
        return list(dict.fromkeys(name for row in self.rows for name in row.references))

    def row(self, task: str, metric: str | None = None, part: str | None = None) -> EvaluationRow:
        """Return one row; without `metric` the task's selecting one.

        Raises:
            InvalidArgumentError: there is no such row.
        """
        if task not in self.tasks:
            raise InvalidArgumentError(f"The table has no task {task!r}: {did_you_mean(task, self.tasks)}")
        rows = [row for row in self.rows if row.task == task and row.part == part]
        found = rows if metric is None else [row for row in rows if row.metric == metric]
        if not found:
            raise InvalidArgumentError(
                f"Task {task!r} has no row for metric {metric!r} and part {part!r}: it has "
                f"{sorted({(row.metric, row.part or '') for row in self.rows if row.task == task})}."
            )
        return found[0]

    def value(self, task: str, metric: str | None = None, part: str | None = None) -> float:
        """Return the model's value in one row; without `metric` the selecting one."""
        return self.row(task, metric, part).value

    def with_reference(self, name: str, table: EvaluationTable) -> EvaluationTable:
        """Return this table with the values of another one beside its own.

        Args:
            name: what the reference is called, e.g. "trees".
            table: figures on the same rows; a row that it lacks becomes NaN.
        """
        values = {(row.task, row.metric, row.part): row.value for row in table}
        none = EvaluationTable([])
        by_source, by_group = (
            {part: own.with_reference(name, others.get(part, none)) for part, own in of.items()}
            for of, others in ((self.by_source, table.by_source), (self.by_group, table.by_group))
        )
        rows = [
            replace(
                row,
                references=row.references | {name: values.get((row.task, row.metric, row.part), math.nan)},
            )
            for row in self.rows
        ]
        return replace(self, rows=rows, by_source=by_source, by_group=by_group)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as plain JSON values, with null for NaN."""
        return [
            {key: value for key, value in asdict(row).items() if key != "by_chance"}
            | {
                "value": _plain(row.value),
                "references": {name: _plain(value) for name, value in row.references.items()},
            }
            | ({} if row.by_chance is None else {"by_chance": _plain(row.by_chance)})
            for row in self.rows
        ]

    def __str__(self) -> str:
        """Return the figures in columns; below them what labels are unseen, and those by source and group."""
        parts = [*self.by_source.items(), *self.by_group.items()]
        below = [f"\n{part}:\n{table}" for part, table in parts if len(table)]
        return "\n".join([self._columns(), *unseen_sentences(self.unseen), *below])

    def _columns(self) -> str:
        header = ["task", "metric", "labelled", "model", *self.references]
        lines = [header] + [
            [
                row.task if row.part is None else f"{row.task}[{row.part}]",
                row.metric,
                str(row.n_labelled),
                row.shown(),
                *(row.shown(name) for name in self.references),
            ]
            for row in self.rows
        ]
        widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
        aligned = (
            [
                cell.ljust(width) if i < 2 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            for line in lines
        )
        return "\n".join("  ".join(line).rstrip() for line in aligned)


def joined_tables(tables: Sequence[EvaluationTable]) -> EvaluationTable:
    """Return the rows of several tables in one, those by source as well.

    Example:
        >>> one = EvaluationTable([EvaluationRow("a", "auroc", "max", None, 9, 0.75)])
        >>> other = EvaluationTable([EvaluationRow("b", "rmse", "min", None, 9, 2.0)])
        >>> joined_tables([one, other]).tasks
        ['a', 'b']
    """
    sources = dict.fromkeys(source for table in tables for source in table.by_source)
    none = EvaluationTable([])
    by_source = {
        source: joined_tables([table.by_source.get(source, none) for table in tables]) for source in sources
    }
    unseen = {task: counts for table in tables for task, counts in table.unseen.items()}
    return EvaluationTable([row for table in tables for row in table], by_source, unseen=unseen)


def figure(value: float, *, small: bool = False) -> str:
    """Return a value with three to four significant figures, for a table.

    Args:
        value: any float.
        small: whether values below 0.1 keep three digits, as for errors in a unit of their own and for
            differences; otherwise they are shares, of which the third decimal is the last that matters.

    Example:
        >>> [figure(value) for value in (0.84532, 10.5512, 1234.5, -0.0001, float("nan"))]
        ['0.845', '10.55', '1234', '0.000', '–']
        >>> figure(0.00012345, small=True)
        '0.000123'
    """
    if math.isnan(value):
        return "–"
    size = abs(value)
    if small and 0 < size < 0.1:
        short, digits = f"{value:.3f}", f"{value:.3g}"
        return short if float(short) == float(digits) else digits
    # Adding zero after rounding takes the sign off a negative zero.
    return f"{round(value, 3) + 0.0:.3f}" if size < 10 else f"{value:.2f}" if size < 100 else f"{value:.4g}"


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
