"""What kind of task a target column seems to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TaskGuess:
    """What a target column seems to be.

    Args:
        name: the column, which names the task.
        kind: name of a class in `cotrain.tasks`.
        options: constructor arguments besides the name.
        why: one clause that says what the decision rests on.
        labelled: number of rows with a label.
        beside: columns that the task reads beside its own, and that are no inputs.

    Example:
        >>> TaskGuess("sold", "Binary", {}, "two values").kind
        'Binary'
    """

    name: str
    kind: str
    why: str
    labelled: int
    options: dict[str, Any] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
