"""Strategies: one file per way of saying who teaches whom."""

from cotrain.cotraining.strategies._base import PeerFactory, Strategy
from cotrain.cotraining.strategies._committee import Committee
from cotrain.cotraining.strategies._coreg import Coreg
from cotrain.cotraining.strategies._cross_pseudo_supervision import CrossPseudoSupervision
from cotrain.cotraining.strategies._cross_task import CrossTask
from cotrain.cotraining.strategies._different_encoders import DifferentEncoders
from cotrain.cotraining.strategies._mean_teacher import MeanTeacher
from cotrain.cotraining.strategies._self_training import SelfTraining
from cotrain.cotraining.strategies._teacher_student import TeacherStudent
from cotrain.cotraining.strategies._tri_training import TriTraining
from cotrain.cotraining.strategies._two_view_co_training import TwoViewCoTraining

__all__ = [
    "Committee",
    "Coreg",
    "CrossPseudoSupervision",
    "CrossTask",
    "DifferentEncoders",
    "MeanTeacher",
    "PeerFactory",
    "SelfTraining",
    "Strategy",
    "TeacherStudent",
    "TriTraining",
    "TwoViewCoTraining",
]
