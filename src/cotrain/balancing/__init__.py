"""Balancing methods: how much each task's loss counts in a step.

One method is one class in one file. A method declares what it `needs` and gives K `weights` (or, if it
needs the whole Jacobian, the update itself); it knows no deep-learning framework. `cotrain.Balance`
applies one inside a PyTorch loop.
"""

from cotrain.balancing._base import Balancer, Needs
from cotrain.balancing._cross_batch_rule import CrossBatchRule
from cotrain.balancing._equal import Equal
from cotrain.balancing._from_callable import from_callable
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._jacobian_rule import JacobianRule
from cotrain.balancing._loss_rule import LossRule
from cotrain.balancing._norm_rule import NormRule
from cotrain.balancing._reference_scaled import ReferenceScaled
from cotrain.balancing._static import Static

__all__ = [
    "Balancer",
    "CrossBatchRule",
    "Equal",
    "GramianRule",
    "JacobianRule",
    "LossRule",
    "Needs",
    "NormRule",
    "ReferenceScaled",
    "Static",
    "from_callable",
]
