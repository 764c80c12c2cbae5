"""How much each class counts in a loss: all alike, balanced, or as given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from cotrain._base import DataError, InvalidArgumentError, did_you_mean, expected_number
from cotrain.tasks._target_values import Value, key_of

#: "balanced", class -> weight, or none: all count alike.
ClassWeight: TypeAlias = Literal["balanced"] | Mapping[str | int | float | bool, float] | None


def check_class_weight(kind: str, task: str, class_weight: object) -> None:
    """Raise `InvalidArgumentError` unless a `class_weight` is "balanced", `None` or class -> number ≥ 0."""
    where = f"{kind}({task!r}, class_weight={class_weight!r})"
    if class_weight is None or class_weight == "balanced":
        return
    if not isinstance(class_weight, Mapping) or not class_weight:
        raise InvalidArgumentError(f"{where}: expected None, 'balanced' or a mapping of classes to weights.")
    for value, weight in class_weight.items():
        is_number = isinstance(weight, int | float)
        if expected := expected_number(weight, 0.0, 1e9) if is_number else "expected a number":
            raise InvalidArgumentError(
                f"{kind}({task!r}, class_weight={{{value!r}: {weight!r}}}): {expected}."
            )
    if not any(class_weight.values()):
        raise InvalidArgumentError(f"{where}: all weights are 0, expected one above 0.")


def class_weights(
    class_weight: ClassWeight, classes: Sequence[Value], counts: Sequence[float], *, task: str
) -> list[float]:
    """Return the weight of every class.

    1 each; N / (C N_c) where they are balanced, N_c being the labels of class c and N those of all C; or as
    given, 1 for a class that is not named.

    Args:
        class_weight: as the task was told.
        classes: the C classes.
        counts: N_c.
        task: named in errors.

    Raises:
        DataError: a class is named that there is not.

    Example:
        >>> class_weights("balanced", ["cat", "dog"], [1, 3], task="pet")
        [2.0, 0.6666666666666666]
        >>> class_weights({"dog": 5}, ["cat", "dog"], [1, 3], task="pet")
        [1.0, 5.0]
    """
    if isinstance(class_weight, Mapping):
        keys = [key_of(value) for value in classes]
        for value in class_weight:
            if key_of(value) not in keys:
                raise DataError(
                    f"Task {task!r}: class_weight names {value!r}, which is none of its classes: "
                    f"{did_you_mean(key_of(value), keys)}"
                )
        given = {key_of(value): float(weight) for value, weight in class_weight.items()}
        return [given.get(key, 1.0) for key in keys]
    if class_weight is None:
        return [1.0] * len(classes)
    total = sum(counts)
    return [total / (len(classes) * (count if count > 0 else 1)) for count in counts]
