"""Settings of a learner that the data at hand leave without any effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.utils.data import Dataset

from cotrain._base import InvalidArgumentError
from cotrain.data import ColumnChoice, TypedTable
from cotrain.data.sources import Mixing


def refuse_unheeded(
    data: object, *, columns: Mapping[str, ColumnChoice], source: str | None, mixing: Mixing | None
) -> None:
    """Refuse what would change nothing, and nobody would know.

    Args:
        data: the training rows: a table that was read, or a Dataset.
        columns: kinds of input columns that the user has chosen.
        source: the column that says which source a row comes from.
        mixing: the rule by which sources share a batch.

    Raises:
        InvalidArgumentError: with the setting and what to do.
    """
    of_tables: dict[str, Any] = {"columns": columns, "source": source}
    for name, value in of_tables.items():
        if value and isinstance(data, Dataset):
            raise InvalidArgumentError(
                f"{name}: {value!r} is of the columns of a table, and a Dataset gives tensors as they are: "
                "leave it out, or give a table."
            )
    several = isinstance(data, TypedTable) and data.source is not None
    if mixing is not None and not several and not mixing.of_one_source:
        raise InvalidArgumentError(
            f"mixing: {type(mixing).__name__.removesuffix('Mixing')} says how sources share a batch, and the "
            "rows come from one: leave it out, give several tables, or name the column that says where rows "
            "come from (source)."
        )
