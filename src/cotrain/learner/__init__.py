"""The Learner and its configuration file."""

from cotrain.learner._coding import Coding
from cotrain.learner._complete import complete
from cotrain.learner._components import construct, construct_class, describe, kinds_of
from cotrain.learner._job import Job
from cotrain.learner._learner import Learner
from cotrain.learner._proposal import Proposal
from cotrain.learner._run_folder import METRICS

__all__ = [
    "METRICS",
    "Coding",
    "Job",
    "Learner",
    "Proposal",
    "complete",
    "construct",
    "construct_class",
    "describe",
    "kinds_of",
]
