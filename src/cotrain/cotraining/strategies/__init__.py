"""Strategies: one file per way of saying who teaches whom."""

from cotrain.cotraining.strategies._base import Kit, Strategy
from cotrain.cotraining.strategies._cross_labelling import CrossLabelling
from cotrain.cotraining.strategies._leave_one_out import LeaveOneOut
from cotrain.cotraining.strategies._self_training import SelfTraining
from cotrain.cotraining.strategies._teacher_student import TeacherStudent
from cotrain.cotraining.strategies._tri_training import TriTraining

__all__ = [
    "CrossLabelling",
    "Kit",
    "LeaveOneOut",
    "SelfTraining",
    "Strategy",
    "TeacherStudent",
    "TriTraining",
]
