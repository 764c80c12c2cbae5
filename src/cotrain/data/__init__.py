"""Tables and their schema, partial labels, splits, batches, checks."""

from cotrain.data._batches import Batches
from cotrain.data._frames import from_polars_like, to_polars
from cotrain.data._infer_kind import Guess, infer_kind
from cotrain.data._read import read_table
from cotrain.data._schema import ColumnNote, Schema, kind_names
from cotrain.data._split import Split, split_rows, strata

__all__ = [
    "Batches",
    "ColumnNote",
    "Guess",
    "Schema",
    "Split",
    "from_polars_like",
    "infer_kind",
    "kind_names",
    "read_table",
    "split_rows",
    "strata",
    "to_polars",
]
