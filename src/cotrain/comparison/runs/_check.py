"""Look at the data of a configuration without training on it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, final

from cotrain._base import rows_counted_in
from cotrain.data import Schema, check_missing, find_problems
from cotrain.data.sources import rows_of_sources
from cotrain.learner import Configuration, SplitTable
from cotrain.learner._only_picture import name_only_picture
from cotrain.learner._preprocessing import no_inputs
from cotrain.networks._multi_task import require_picture


@final
@dataclass(frozen=True)
class CheckReport:
    """What `cotrain check` found.

    Args:
        n_rows: rows of the table.
        n_unlabelled: rows without any label.
        tasks: task -> kind.
        coverage: task -> part of the split -> labelled rows.
        columns: one record per column that is no target.
        problems: records with severity, check, subject, sentence and values, the gravest first.
        by_source: source -> task -> part of the split -> labelled rows, where there are several sources.

    Example:
        >>> CheckReport(100, 5, {"sold": "Binary"}, {}, [], []).to_json()["n_unlabelled"]
        5
    """

    n_rows: int
    n_unlabelled: int
    tasks: dict[str, str]
    coverage: dict[str, dict[str, int]]
    columns: list[dict[str, Any]]
    problems: list[dict[str, Any]]
    by_source: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return dict(vars(self))


def check_data(configuration: Configuration) -> CheckReport:
    """Read the data, split it as training would, and look for what may be wrong.

    Raises:
        DataError: the data cannot be read or learned from at all.

    Example:
        >>> import tempfile
        >>> import polars as pl
        >>> from cotrain.learner import Configuration
        >>> frame = pl.DataFrame({"x": [i % 7 for i in range(80)], "price": [i % 7 + 0.5 for i in range(80)]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     frame.write_csv(f"{folder}/table.csv")
        ...     task = {"kind": "Regression", "name": "price"}
        ...     values = {"data": f"{folder}/table.csv", "tasks": [task], "references": "constant"}
        ...     configuration = Configuration.from_config(values)
        ...     check_data(configuration).n_rows
        80
    """
    split, tasks = SplitTable.of(configuration), configuration.learner.tasks
    columns = configuration.learner.columns
    exclude = [*no_inputs(tasks, columns), *split.left_out]
    name_only_picture(tasks, split["train"], columns, exclude)
    train = split.typed("train")
    with rows_counted_in(train.rows, train.tables):
        schema = Schema.infer(
            train.frame,
            exclude=exclude,
            overrides=columns,
            types=train.types,
            numbered=train.numbered,
            ask=False,
        ).recoded(configuration.learner.architecture.coding)
    read = configuration.learner.architecture.reads
    notes = schema.describe()
    pictures = [
        note.column for note in notes if note.kind == "picture" and (read is None or note.column in read)
    ]
    for task in tasks:
        if task.reads == "map":
            require_picture(task.name, task.position_column, pictures)
    problems = [] if split.table is None else check_missing(split.table)
    sources = {} if split.table is None else rows_of_sources(split.table)
    with rows_counted_in(None, train.tables):
        problems += find_problems(split.frame, tasks, schema, split.rows, sources=sources)
    return CheckReport(
        n_rows=split.frame.height,
        n_unlabelled=split.n_rows["unlabelled"] + split.n_rows["unused"],
        tasks={task.name: type(task).__name__ for task in tasks},
        coverage=split.coverage,
        by_source=split.by_source,
        columns=[asdict(note) for note in notes],
        problems=[asdict(problem) for problem in problems],
    )
