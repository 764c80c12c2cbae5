"""Training beside honest references, and what follows from it."""

from cotrain.comparison._check_job import CheckReport, check_job
from cotrain.comparison._compare import RESULTS, compare, require_finished
from cotrain.comparison._contest import Contest
from cotrain.comparison._grid import Progress, Running
from cotrain.comparison._leases import Leases
from cotrain.comparison._outcome import Outcome, TaskVerdict
from cotrain.comparison._pool import Where
from cotrain.comparison._run_job import run_job
from cotrain.comparison._workers import start_worker, validation_gains

__all__ = [
    "RESULTS",
    "CheckReport",
    "Contest",
    "Leases",
    "Outcome",
    "Progress",
    "Running",
    "TaskVerdict",
    "Where",
    "check_job",
    "compare",
    "require_finished",
    "run_job",
    "start_worker",
    "validation_gains",
]
