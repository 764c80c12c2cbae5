"""Encoders, sharing architectures and the multi-task model."""

from cotrain._base import InputSpec
from cotrain.networks._base import Encoder
from cotrain.networks._default_encoder import default_encoder
from cotrain.networks._esmm import ESMM
from cotrain.networks._multi_task import MultiTaskNetwork
from cotrain.networks._output_space import OutputSpace
from cotrain.networks._parameter_groups import parameter_groups
from cotrain.networks._positions import MaskedStage
from cotrain.networks.encoders import (
    MLP,
    ConvNet,
    FTTransformer,
    GraphEncoder,
    PretrainedTransformer,
    SoundEncoder,
    TableEncoder,
    TabM,
    Transformer,
    VisionTransformer,
    WordEncoder,
    Wrap,
)
from cotrain.networks.sharing import (
    AITM,
    CGC,
    MTAN,
    NDDR,
    PLE,
    AdaTT,
    CrossStitch,
    DSelectK,
    HardSharing,
    Health,
    Hierarchical,
    LowRank,
    MMoE,
    Separate,
    Sharing,
    Sluice,
    SoftSharing,
)

__all__ = [
    "AITM",
    "CGC",
    "ESMM",
    "MLP",
    "MTAN",
    "NDDR",
    "PLE",
    "AdaTT",
    "ConvNet",
    "CrossStitch",
    "DSelectK",
    "Encoder",
    "FTTransformer",
    "GraphEncoder",
    "HardSharing",
    "Health",
    "Hierarchical",
    "InputSpec",
    "LowRank",
    "MMoE",
    "MaskedStage",
    "MultiTaskNetwork",
    "OutputSpace",
    "PretrainedTransformer",
    "Separate",
    "Sharing",
    "Sluice",
    "SoftSharing",
    "SoundEncoder",
    "TabM",
    "TableEncoder",
    "Transformer",
    "VisionTransformer",
    "WordEncoder",
    "Wrap",
    "default_encoder",
    "parameter_groups",
]
