"""Kinds of task, one class in one file each, in folders by what their targets are."""

from cotrain.tasks._base import Task
from cotrain.tasks._custom_metric import CustomMetric
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks._entry_labelling import EntryLabelling
from cotrain.tasks._exhibit import Exhibit, Exhibiting
from cotrain.tasks._hypothesis_labelling import HypothesisLabelling
from cotrain.tasks._metric import Metric
from cotrain.tasks._prenet import Entered, PreNet
from cotrain.tasks._row_labelling import RowLabelling
from cotrain.tasks._target_kind import ClassTargets, LabelTargets, NumberTargets, TargetKind
from cotrain.tasks.dense import DenseRegression, Detection, Keypoints, Segmentation
from cotrain.tasks.sequence import Synthesis, Tagging, Transcription
from cotrain.tasks.table import Binary, Multiclass, Multilabel, Ordinal, Regression

__all__ = [
    "Binary",
    "ClassTargets",
    "CustomMetric",
    "DenseRegression",
    "Detection",
    "Diagnosis",
    "Entered",
    "EntryLabelling",
    "Exhibit",
    "Exhibiting",
    "HypothesisLabelling",
    "Keypoints",
    "LabelTargets",
    "Metric",
    "Multiclass",
    "Multilabel",
    "NumberTargets",
    "Ordinal",
    "PreNet",
    "Regression",
    "RowLabelling",
    "Segmentation",
    "Synthesis",
    "Tagging",
    "TargetKind",
    "Task",
    "Transcription",
]
