"""The Learner and its configuration file."""

from cotrain.learner._complete import complete
from cotrain.learner._configuration import Configuration
from cotrain.learner._fitted_model import FittedModel
from cotrain.learner._learner import Learner
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._recommendation import Recommendation
from cotrain.learner._run_folder import EXAMPLES, METRICS
from cotrain.learner._split_table import SplitTable

__all__ = [
    "EXAMPLES",
    "METRICS",
    "Configuration",
    "FittedModel",
    "Learner",
    "Preprocessor",
    "Recommendation",
    "SplitTable",
    "complete",
]
