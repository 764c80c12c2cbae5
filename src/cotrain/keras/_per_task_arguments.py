"""Arguments that are given per task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cotrain._base import InvalidArgumentError


def named_outputs(outputs: Any, tasks: Sequence[str] | None) -> dict[str, Any]:
    """Return the outputs by name.

    Raises:
        InvalidArgumentError: a list of outputs without as many names.
    """
    if isinstance(outputs, Mapping):
        return dict(outputs)
    listed = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if tasks is None or len(tasks) != len(listed):
        given = "none" if tasks is None else str(list(tasks))
        raise InvalidArgumentError(
            f"MultiTaskModel(outputs=...) is a list of {len(listed)}: give as many tasks=[...] (got {given}) "
            "or a dict task -> output."
        )
    return dict(zip(tasks, listed, strict=True))


def per_task(what: str, values: Mapping[str, float] | None, tasks: Sequence[str]) -> list[float] | None:
    """Return one number per task.

    Raises:
        InvalidArgumentError: a task has none.
    """
    if values is None:
        return None
    absent = [task for task in tasks if task not in values]
    if absent:
        raise InvalidArgumentError(
            f"MultiTaskModel({what}=...) lacks the tasks {absent}: give one number per task."
        )
    return [float(values[task]) for task in tasks]
