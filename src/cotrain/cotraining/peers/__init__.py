"""Peers: one file per kind of model that can teach and learn."""

from cotrain.cotraining.peers._base import Fitted, Online, OnlinePeer, Peer, Underway
from cotrain.cotraining.peers._cross_task import MappingPeer
from cotrain.cotraining.peers._estimator import EstimatorPeer
from cotrain.cotraining.peers._fitted_network import FittedNetwork
from cotrain.cotraining.peers._network import NetworkPeer

__all__ = [
    "EstimatorPeer",
    "Fitted",
    "FittedNetwork",
    "MappingPeer",
    "NetworkPeer",
    "Online",
    "OnlinePeer",
    "Peer",
    "Underway",
]
