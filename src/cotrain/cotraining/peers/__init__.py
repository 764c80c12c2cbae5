"""Peers: one file per kind of model that can teach and learn."""

from cotrain.cotraining.peers._base import FittedPeer, Online, OnlineModel, OnlinePeer, Peer
from cotrain.cotraining.peers._cross_task import CrossTaskPeer
from cotrain.cotraining.peers._estimator import EstimatorPeer
from cotrain.cotraining.peers._network import FittedNetwork, NetworkPeer

__all__ = [
    "CrossTaskPeer",
    "EstimatorPeer",
    "FittedNetwork",
    "FittedPeer",
    "NetworkPeer",
    "Online",
    "OnlineModel",
    "OnlinePeer",
    "Peer",
]
