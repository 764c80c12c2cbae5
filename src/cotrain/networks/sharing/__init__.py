"""Ways for tasks to share a network, one class in one file each."""

from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._hard_sharing import HardSharing

__all__ = ["HardSharing", "Sharing"]
