"""Ways for tasks to share a network, one class in one file each."""

from cotrain.networks.sharing._adatt import AdaTT
from cotrain.networks.sharing._aitm import AITM
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._cgc import CGC
from cotrain.networks.sharing._cross_stitch import CrossStitch
from cotrain.networks.sharing._dselect_k import DSelectK
from cotrain.networks.sharing._gate_statistics import Health
from cotrain.networks.sharing._hard_sharing import HardSharing
from cotrain.networks.sharing._hierarchical import Hierarchical
from cotrain.networks.sharing._low_rank import LowRank
from cotrain.networks.sharing._mmoe import MMoE
from cotrain.networks.sharing._mtan import MTAN
from cotrain.networks.sharing._nddr import NDDR
from cotrain.networks.sharing._ple import PLE
from cotrain.networks.sharing._separate import Separate
from cotrain.networks.sharing._sluice import Sluice
from cotrain.networks.sharing._soft_sharing import SoftSharing

__all__ = [
    "AITM",
    "CGC",
    "MTAN",
    "NDDR",
    "PLE",
    "AdaTT",
    "CrossStitch",
    "DSelectK",
    "HardSharing",
    "Health",
    "Hierarchical",
    "LowRank",
    "MMoE",
    "Separate",
    "Sharing",
    "Sluice",
    "SoftSharing",
]
