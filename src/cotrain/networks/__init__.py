"""Encoders, sharing architectures and the multi-task model."""

from cotrain.networks._base import Encoder
from cotrain.networks._multi_task import MultiTaskModel
from cotrain.networks._table_encoder import TableEncoder
from cotrain.networks.sharing import HardSharing, Sharing

__all__ = ["Encoder", "HardSharing", "MultiTaskModel", "Sharing", "TableEncoder"]
