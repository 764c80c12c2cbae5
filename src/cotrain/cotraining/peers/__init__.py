"""Peers: one file per kind of model that can teach and learn."""

from cotrain.cotraining.peers._base import Fitted, Peer
from cotrain.cotraining.peers._estimator import EstimatorPeer
from cotrain.cotraining.peers._network import FittedNetwork, NetworkPeer

__all__ = ["EstimatorPeer", "Fitted", "FittedNetwork", "NetworkPeer", "Peer"]
