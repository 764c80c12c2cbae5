"""Training beside honest references, and what follows from it."""

from cotrain.comparison._check_job import CheckReport, check_job
from cotrain.comparison._compare import RESULTS, Progress, compare, require_finished
from cotrain.comparison._contest import Contest
from cotrain.comparison._outcome import Outcome, TaskVerdict
from cotrain.comparison._run_job import run_job

__all__ = [
    "RESULTS",
    "CheckReport",
    "Contest",
    "Outcome",
    "Progress",
    "TaskVerdict",
    "check_job",
    "compare",
    "require_finished",
    "run_job",
]
