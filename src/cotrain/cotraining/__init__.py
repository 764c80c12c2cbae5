"""Co-training: tasks, views and networks label for one another."""

from cotrain.cotraining._auto import run_rounds
from cotrain.cotraining._beliefs import Belief
from cotrain.cotraining._loop import Loop
from cotrain.cotraining._pseudo_labels import PseudoLabels
from cotrain.cotraining._records import Outcome, RoundRecord, TaskRound
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining._store import Store
from cotrain.cotraining._student import fit_student
from cotrain.cotraining._toolbox import Toolbox
from cotrain.cotraining._view import View, random_views
from cotrain.cotraining.calibration import Calibrator, Isotonic, Temperature
from cotrain.cotraining.peers import EstimatorPeer, Fitted, NetworkPeer, Peer
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
    CrossLabelling,
    Kit,
    LeaveOneOut,
    SelfTraining,
    Strategy,
    TeacherStudent,
    TriTraining,
)

__all__ = [
    "AdaptiveThreshold",
    "Agreement",
    "Belief",
    "Calibrator",
    "Candidates",
    "CoTraining",
    "CrossLabelling",
    "Curriculum",
    "EstimatorPeer",
    "Fitted",
    "Isotonic",
    "KBest",
    "Kit",
    "LeaveOneOut",
    "Loop",
    "NetworkPeer",
    "Outcome",
    "Peer",
    "PseudoLabels",
    "RoundRecord",
    "Selector",
    "SelfTraining",
    "Store",
    "Strategy",
    "TaskRound",
    "TeacherStudent",
    "Temperature",
    "Threshold",
    "Toolbox",
    "TriTraining",
    "View",
    "fit_student",
    "random_views",
    "run_rounds",
]
