"""Training beside honest references, and what follows from it."""

from cotrain.comparison._check_job import CheckReport, check_job
from cotrain.comparison._outcome import Outcome, TaskVerdict
from cotrain.comparison._run_job import run_job

__all__ = ["CheckReport", "Outcome", "TaskVerdict", "check_job", "run_job"]
