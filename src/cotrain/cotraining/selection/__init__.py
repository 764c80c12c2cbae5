"""Selectors: one file per way of choosing what becomes a label."""

from cotrain.cotraining.selection._adaptive_threshold import AdaptiveThreshold
from cotrain.cotraining.selection._agreement import Agreement
from cotrain.cotraining.selection._base import Candidates, Selector
from cotrain.cotraining.selection._curriculum import Curriculum
from cotrain.cotraining.selection._density_aware import DensityAware
from cotrain.cotraining.selection._k_best import KBest
from cotrain.cotraining.selection._self_adaptive_threshold import SelfAdaptiveThreshold
from cotrain.cotraining.selection._soft_weight import SoftWeight
from cotrain.cotraining.selection._threshold import Threshold

__all__ = [
    "AdaptiveThreshold",
    "Agreement",
    "Candidates",
    "Curriculum",
    "DensityAware",
    "KBest",
    "Selector",
    "SelfAdaptiveThreshold",
    "SoftWeight",
    "Threshold",
]
