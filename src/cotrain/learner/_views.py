"""Views of a table: named groups of its columns as places in the input tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from cotrain._base import ConfigError, InputSpec, did_you_mean
from cotrain.cotraining import View, column_view
from cotrain.data import Schema


def named_views(
    schema: Schema | None, spec: InputSpec, views: Mapping[str, Sequence[str]]
) -> dict[str, View]:
    """Return the views that a user has named.

    Args:
        schema: fitted; `None` where the inputs are tensors already, whose names stand for columns then.
        spec: sizes of the inputs.
        views: name of a view -> columns that it shows.

    Raises:
        ConfigError: a view names no input column.
    """
    known = list(spec.tensors) if schema is None else [column.name for column in schema.columns]
    for name, shown in views.items():
        for column in shown:
            if column not in known:
                raise ConfigError(
                    f"cotraining.views: {name!r} names {column!r}, which is no input column: "
                    f"{did_you_mean(column, known)}"
                )
    if schema is None:
        return {
            name: View({tensor: torch.tensor(tensor in shown) for tensor in known})
            for name, shown in views.items()
        }
    return {name: column_view(schema, set(shown)) for name, shown in views.items()}


def row_shapes(spec: InputSpec) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the input tensors that random views can divide."""
    shapes = {name: tuple(shape) for name, shape in spec.tensors.items()}
    if spec.n_numbers:
        shapes["numbers"] = (spec.n_numbers,)
    return shapes
