"""Balancing methods: how much each task's loss counts in a step.

One method is one class in one file. A method declares what it `needs` and gives K `weights`; it knows
no deep-learning framework. `cotrain.Balance` applies one inside a PyTorch loop.
"""

from cotrain.balancing._base import Balancer, GramianRule, LossRule, Needs
from cotrain.balancing._equal import Equal
from cotrain.balancing._reference_scaled import ReferenceScaled
from cotrain.balancing._static import Static

__all__ = [
    "Balancer",
    "Equal",
    "GramianRule",
    "LossRule",
    "Needs",
    "ReferenceScaled",
    "Static",
]
