"""The Learner and its configuration file."""

from cotrain.learner._complete import complete
from cotrain.learner._configuration import Configuration
from cotrain.learner._learner import Learner
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._recommendation import Recommendation
from cotrain.learner._run_folder import METRICS

__all__ = [
    "METRICS",
    "Configuration",
    "Learner",
    "Preprocessor",
    "Recommendation",
    "complete",
]
