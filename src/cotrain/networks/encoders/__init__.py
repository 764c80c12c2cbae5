"""Encoders, one class in one file each."""

from cotrain.networks.encoders._conv_net import ConvNet
from cotrain.networks.encoders._ft_transformer import FTTransformer
from cotrain.networks.encoders._graph_encoder import GraphEncoder
from cotrain.networks.encoders._mlp import MLP
from cotrain.networks.encoders._pretrained_transformer import PretrainedTransformer
from cotrain.networks.encoders._sound_encoder import SoundEncoder
from cotrain.networks.encoders._tab_m import TabM
from cotrain.networks.encoders._table_encoder import TableEncoder
from cotrain.networks.encoders._transformer import Transformer
from cotrain.networks.encoders._vision_transformer import VisionTransformer
from cotrain.networks.encoders._word_encoder import WordEncoder
from cotrain.networks.encoders._wrap import Wrap

__all__ = [
    "MLP",
    "ConvNet",
    "FTTransformer",
    "GraphEncoder",
    "PretrainedTransformer",
    "SoundEncoder",
    "TabM",
    "TableEncoder",
    "Transformer",
    "VisionTransformer",
    "WordEncoder",
    "Wrap",
]
