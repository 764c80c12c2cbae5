"""Several sources as one table, and how many rows of each one a batch holds."""

from cotrain.data.sources._base import Mixing
from cotrain.data.sources._equal import EqualMixing as Equal
from cotrain.data.sources._given import GivenMixing as Given
from cotrain.data.sources._join import (
    SOURCE,
    columns_of_sources,
    join_frames,
    read_sources,
    require_columns,
    rows_of_sources,
)
from cotrain.data.sources._mixed_order import MixedOrder
from cotrain.data.sources._proportional import ProportionalMixing as Proportional
from cotrain.data.sources._repeat_factor import RepeatFactorMixing as RepeatFactor
from cotrain.data.sources._row_sources import RowSources
from cotrain.data.sources._temperature import TemperatureMixing as Temperature

__all__ = [
    "SOURCE",
    "Equal",
    "Given",
    "MixedOrder",
    "Mixing",
    "Proportional",
    "RepeatFactor",
    "RowSources",
    "Temperature",
    "columns_of_sources",
    "join_frames",
    "read_sources",
    "require_columns",
    "rows_of_sources",
]
