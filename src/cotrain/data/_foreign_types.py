"""Types of cells that other libraries have and tables here have not, as the nearest that they have."""

from __future__ import annotations

from typing import Any

import polars as pl

from cotrain.data._mixed import column_of, has_text

#: What stands in the name of an Arrow type that polars does not read, or of which it forgets what it is.
_CELL_BY_CELL = ("decimal256", "list_view", "run_end_encoded", "interval", "union<", "<arrow.uuid")
#: Arrow's and polars' types that say more than those which they are stored as.
_EXTENSION: Any = getattr(pl, "BaseExtension", ())
_BOOLEAN = "arrow.bool8"


def arrow_to_polars(table: Any) -> pl.DataFrame:
    """Return a table of pyarrow; columns whose types polars does not read are taken cell by cell.

    Args:
        table: a `pyarrow.Table`.
    """
    apart = [field.name for field in table.schema if any(word in str(field.type) for word in _CELL_BY_CELL)]
    if not apart:
        return pl.DataFrame(pl.from_arrow(table))
    rest = table.drop_columns(apart)
    others = pl.DataFrame(pl.from_arrow(rest)) if rest.num_columns else pl.DataFrame()
    made = {name: column_of(name, table[name].to_pylist()) for name in apart}
    return pl.DataFrame([made[name] if name in made else others[name] for name in table.column_names])


def plain_types(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose extension types are what they are stored as, and objects texts or lists.

    Paths, UUIDs, addresses, and periods and intervals of pandas are the texts that a file has of them, sets
    are lists in the order of their texts. Objects of other kinds, such as arrays, stay what they are.

    Example:
        >>> from pathlib import Path
        >>> files = pl.Series("file", [Path("a.png"), None], dtype=pl.Object)
        >>> plain_types(pl.DataFrame([files]))["file"].to_list()
        ['a.png', None]
    """
    made = [new for column in frame.iter_columns() if (new := _plain(column)) is not column]
    return frame.with_columns(made) if made else frame


def _plain(column: pl.Series) -> pl.Series:
    dtype: Any = column.dtype
    if isinstance(dtype, _EXTENSION):
        stored = column.ext.storage()
        return stored.cast(pl.Boolean) if dtype.ext_name() == _BOOLEAN else stored
    if dtype != pl.Object:
        return column
    cells = [cell for cell in column.to_list() if cell is not None]
    return column_of(column.name, column.to_list()) if cells and all(map(has_text, cells)) else column
