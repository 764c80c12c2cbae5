"""Co-training: tasks, views and networks label for one another.

`CoTrainingClassifier` and `CoTrainingRegressor`, the same in scikit-learn's form, are imported when they are
first used, because scikit-learn takes its time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cotrain.cotraining._predictions import Prediction, prediction_of_output
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.calibration import Calibrator, Isotonic, Temperature
from cotrain.cotraining.peers import (
    CrossTaskPeer,
    EstimatorPeer,
    FittedNetwork,
    FittedPeer,
    NetworkPeer,
    Peer,
)
from cotrain.cotraining.rounds._pseudo_labels import PseudoLabels
from cotrain.cotraining.rounds._records import CoTrainingResult, RoundRecord, TaskRound
from cotrain.cotraining.selection import (
    AdaptiveThreshold,
    Agreement,
    Candidates,
    Curriculum,
    DensityAware,
    KBest,
    Selector,
    SelfAdaptiveThreshold,
    SoftWeight,
    Threshold,
)
from cotrain.cotraining.strategies import (
    Committee,
    Coreg,
    CrossPseudoSupervision,
    CrossTask,
    DifferentEncoders,
    MeanTeacher,
    PeerFactory,
    SelfTraining,
    Strategy,
    TeacherStudent,
    TriTraining,
    TwoViewCoTraining,
)
from cotrain.cotraining.views._column_view import column_view
from cotrain.cotraining.views._independent_views import independent_views
from cotrain.cotraining.views._text_augmentation import TextAugmentation
from cotrain.cotraining.views._view import View, random_views

if TYPE_CHECKING:
    from cotrain.cotraining.estimators._classifier import CoTrainingClassifier as CoTrainingClassifier
    from cotrain.cotraining.estimators._regressor import CoTrainingRegressor as CoTrainingRegressor

#: Name -> its module.
_LATE = {
    "CoTrainingClassifier": "cotrain.cotraining.estimators._classifier",
    "CoTrainingRegressor": "cotrain.cotraining.estimators._regressor",
}

__all__ = [
    "AdaptiveThreshold",
    "Agreement",
    "Calibrator",
    "Candidates",
    "CoTraining",
    "CoTrainingClassifier",
    "CoTrainingRegressor",
    "CoTrainingResult",
    "Committee",
    "Coreg",
    "CrossPseudoSupervision",
    "CrossTask",
    "CrossTaskPeer",
    "Curriculum",
    "DensityAware",
    "DifferentEncoders",
    "EstimatorPeer",
    "FittedNetwork",
    "FittedPeer",
    "Isotonic",
    "KBest",
    "MeanTeacher",
    "NetworkPeer",
    "Peer",
    "PeerFactory",
    "Prediction",
    "PseudoLabels",
    "RoundRecord",
    "Selector",
    "SelfAdaptiveThreshold",
    "SelfTraining",
    "SoftWeight",
    "Strategy",
    "TaskRound",
    "TeacherStudent",
    "Temperature",
    "TextAugmentation",
    "Threshold",
    "TriTraining",
    "TwoViewCoTraining",
    "View",
    "column_view",
    "independent_views",
    "prediction_of_output",
    "random_views",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
