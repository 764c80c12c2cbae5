"""Balancing inside a PyTorch loop: per-task gradients, their Gramian, the weighted backward pass."""

from cotrain.gradients._balance import Balance
from cotrain.gradients._distributed import global_denominator, global_mean
from cotrain.gradients._functional import gramian, jacobian
from cotrain.gradients._lightning import lightning_callback
from cotrain.gradients._monitor import Monitor
from cotrain.gradients._replay import ReplayForward
from cotrain.gradients._state_dict import StatefulBalance
from cotrain.gradients._trainer import trainer_callback

__all__ = [
    "Balance",
    "Monitor",
    "ReplayForward",
    "StatefulBalance",
    "global_denominator",
    "global_mean",
    "gramian",
    "jacobian",
    "lightning_callback",
    "trainer_callback",
]
