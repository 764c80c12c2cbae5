"""Checks that encoders and sharing architectures have in common, each ending in one sentence."""

from __future__ import annotations

from cotrain._base import InputSpec, InvalidArgumentError, did_you_mean


def check_at_least(owner: object, least: int, **values: int) -> None:
    """Raise unless every named value is at least `least`."""
    for name, value in values.items():
        if value < least:
            raise InvalidArgumentError(
                f"{type(owner).__name__}({name}={value!r}): expected at least {least}."
            )


def check_probability(owner: object, **values: float) -> None:
    """Raise unless every named value lies in [0, 1)."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise InvalidArgumentError(
                f"{type(owner).__name__}({name}={value!r}): expected a value in [0, 1)."
            )


def check_choice(owner: object, name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of the `choices`."""
    if value not in choices:
        raise InvalidArgumentError(
            f"{type(owner).__name__}({name}={value!r}): {did_you_mean(str(value), choices)}"
        )


def row_shape(owner: object, key: str, spec: InputSpec, n_axes: int | None = None) -> tuple[int, ...]:
    """Return the shape of one row of the input `key`, or say that it is not known or has other axes."""
    shapes = dict(spec.tensors)
    if spec.n_numbers:
        shapes.setdefault("numbers", (spec.n_numbers,))
    name = type(owner).__name__
    if key not in shapes:
        raise InvalidArgumentError(
            f"{name}(key={key!r}): the inputs describe no such tensor: {did_you_mean(key, shapes)}"
        )
    shape = tuple(shapes[key])
    if n_axes is not None and len(shape) != n_axes:
        raise InvalidArgumentError(
            f"{name}(key={key!r}): a row has shape {shape}, expected {n_axes} axes after the batch."
        )
    return shape
