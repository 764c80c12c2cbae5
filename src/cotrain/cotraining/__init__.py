"""Co-training: tasks, views and networks label for one another.

`CoTrainingClassifier` and `CoTrainingRegressor`, the same in scikit-learn's form, are imported when they are
first used, because scikit-learn takes its time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cotrain.cotraining._predictions import Belief, belief_of_output
from cotrain.cotraining._pseudo_labels import PseudoLabels
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.calibration import Calibrator, Isotonic, Temperature
from cotrain.cotraining.guards._distribution_shift import row_keys
from cotrain.cotraining.peers import EstimatorPeer, Fitted, FittedNetwork, MappingPeer, NetworkPeer, Peer
from cotrain.cotraining.rounds._records import Outcome, RoundRecord, TaskRound
from cotrain.cotraining.rounds._strategy_selection import run_rounds
from cotrain.cotraining.rounds._student import fit_student
from cotrain.cotraining.selection import (
    AdaptiveThreshold,
    Agreement,
    Candidates,
    Curriculum,
    KBest,
    Selector,
    Threshold,
)
from cotrain.cotraining.strategies import (
    Coreg,
    CrossLabelling,
    CrossPseudo,
    CrossTask,
    DifferentEncoders,
    Kit,
    LeaveOneOut,
    MeanTeacher,
    SelfTraining,
    Strategy,
    TeacherStudent,
    TriTraining,
)
from cotrain.cotraining.views._column_view import column_view
from cotrain.cotraining.views._independent_views import independent_views
from cotrain.cotraining.views._view import View, random_views

if TYPE_CHECKING:
    from cotrain.cotraining.estimators._classifier import CoTrainingClassifier as CoTrainingClassifier
    from cotrain.cotraining.estimators._regressor import CoTrainingRegressor as CoTrainingRegressor

#: Name -> its module. They are no part of `__all__`: whoever looks through it needs no scikit-learn.
_LATE = {
    "CoTrainingClassifier": "cotrain.cotraining.estimators._classifier",
    "CoTrainingRegressor": "cotrain.cotraining.estimators._regressor",
}

__all__ = [
    "AdaptiveThreshold",
    "Agreement",
    "Belief",
    "Calibrator",
    "Candidates",
    "CoTraining",
    "Coreg",
    "CrossLabelling",
    "CrossPseudo",
    "CrossTask",
    "Curriculum",
    "DifferentEncoders",
    "EstimatorPeer",
    "Fitted",
    "FittedNetwork",
    "Isotonic",
    "KBest",
    "Kit",
    "LeaveOneOut",
    "MappingPeer",
    "MeanTeacher",
    "NetworkPeer",
    "Outcome",
    "Peer",
    "PseudoLabels",
    "RoundRecord",
    "Selector",
    "SelfTraining",
    "Strategy",
    "TaskRound",
    "TeacherStudent",
    "Temperature",
    "Threshold",
    "TriTraining",
    "View",
    "belief_of_output",
    "column_view",
    "fit_student",
    "independent_views",
    "random_views",
    "row_keys",
    "run_rounds",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LATE[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_LATE])
