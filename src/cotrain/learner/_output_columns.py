"""The names of the columns that predictions come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cotrain._base import InvalidArgumentError


def require_unique_outputs(outputs: Mapping[str, Sequence[str]]) -> None:
    """Raise `InvalidArgumentError` if two columns of the predictions would have one name.

    Args:
        outputs: task -> names of the columns that its predictions come in.

    Example:
        >>> require_unique_outputs({"sold": ["sold", "sold_probability"], "price": ["price"]})
    """
    owner: dict[str, str] = {}
    for task, names in outputs.items():
        for name in names:
            if name in owner:
                who = f"of the tasks {owner[name]!r} and {task!r}" if owner[name] != task else f"of {task!r}"
                raise InvalidArgumentError(
                    f"The predictions {who} would have two columns named {name!r}: rename a task or a column "
                    "of the table."
                )
            owner[name] = task
