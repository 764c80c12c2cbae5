"""Tables that have the labels of some tasks and no column for those of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cotrain.data import TypedTable
from cotrain.learner._known_sources import empty_column
from cotrain.tasks import Task


def absent_tasks(table: TypedTable, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks of which a table has no column at all; none where it has those of no task.

    Such a table is not one with labels, and it is for the first task to say what it lacks. A task of several
    columns of which some are there says so too.

    Args:
        table: rows to be evaluated.
        tasks: of the model.
    """
    columns = set(table.frame.columns)
    found = [task for task in tasks if not columns & set(task.columns)]
    return found if len(found) < len(tasks) else []


def with_absent_tasks(table: TypedTable, tasks: Sequence[Task], types: Mapping[str, str]) -> TypedTable:
    """Return a table with empty columns for the tasks of which it has none: they have no label there.

    Args:
        table: rows to be evaluated.
        tasks: of the model.
        types: column -> type in training.
    """
    absent = [column for task in absent_tasks(table, tasks) for column in task.columns if column in types]
    made = [empty_column(column, types[column], table.frame.height) for column in dict.fromkeys(absent)]
    return table.with_columns(made, types)
