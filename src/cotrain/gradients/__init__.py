"""Balancing inside a PyTorch loop: per-task gradients, their Gramian, the weighted backward pass."""

from cotrain.gradients._balance import Balance
from cotrain.gradients._monitor import Monitor

__all__ = ["Balance", "Monitor"]
