"""Training beside honest references, and what follows from it."""

from cotrain.comparison._compare import RESULTS, compare
from cotrain.comparison._grid import Progress, Running
from cotrain.comparison._settings import ComparisonSettings
from cotrain.comparison.runs._check import CheckReport, check_data
from cotrain.comparison.runs._result import RunResult, TaskVerdict
from cotrain.comparison.runs._train_run import train_run

__all__ = [
    "RESULTS",
    "CheckReport",
    "ComparisonSettings",
    "Progress",
    "RunResult",
    "Running",
    "TaskVerdict",
    "check_data",
    "compare",
    "train_run",
]
