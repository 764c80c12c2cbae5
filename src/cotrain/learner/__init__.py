"""The Learner and its configuration file."""

from cotrain.learner._complete import complete
from cotrain.learner._configuration import Job
from cotrain.learner._learner import Learner
from cotrain.learner._preprocessing import Coding
from cotrain.learner._recommendation import Proposal
from cotrain.learner._run_folder import METRICS

__all__ = [
    "METRICS",
    "Coding",
    "Job",
    "Learner",
    "Proposal",
    "complete",
]
