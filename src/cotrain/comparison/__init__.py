"""Training beside honest references, and what follows from it."""

from cotrain.comparison._compare import RESULTS, compare, require_finished
from cotrain.comparison._grid import Progress, Running
from cotrain.comparison._network_jobs import validation_gains
from cotrain.comparison._settings import Contest
from cotrain.comparison.runs._check import CheckReport, check_job
from cotrain.comparison.runs._result import Outcome, TaskVerdict
from cotrain.comparison.runs._train_run import run_job

__all__ = [
    "RESULTS",
    "CheckReport",
    "Contest",
    "Outcome",
    "Progress",
    "Running",
    "TaskVerdict",
    "check_job",
    "compare",
    "require_finished",
    "run_job",
    "validation_gains",
]
