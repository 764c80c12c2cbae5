"""The Learner and its configuration file."""

from cotrain.learner._complete import complete
from cotrain.learner._configuration import Configuration
from cotrain.learner._fitted_model import FittedModel
from cotrain.learner._learner import Learner
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._recommendation import Recommendation
from cotrain.learner._run_folder import METRICS, count_seen_rows, seal_run, verify_run
from cotrain.learner._run_record import require_same_rows
from cotrain.learner._split_table import SplitTable
from cotrain.learner._validation_gains import validation_gains, validation_score

__all__ = [
    "METRICS",
    "Configuration",
    "FittedModel",
    "Learner",
    "Preprocessor",
    "Recommendation",
    "SplitTable",
    "complete",
    "count_seen_rows",
    "require_same_rows",
    "seal_run",
    "validation_gains",
    "validation_score",
    "verify_run",
]
