"""Several sources as one table, and how many rows of each one a batch holds."""

from cotrain.data.sources._base import Mixing
from cotrain.data.sources._equal import EqualMixing as Equal
from cotrain.data.sources._given import GivenMixing as Given
from cotrain.data.sources._mixed_order import MixedOrder
from cotrain.data.sources._proportional import ProportionalMixing as Proportional
from cotrain.data.sources._row_sources import RowSources
from cotrain.data.sources._temperature import TemperatureMixing as Temperature

__all__ = ["Equal", "Given", "MixedOrder", "Mixing", "Proportional", "RowSources", "Temperature"]
