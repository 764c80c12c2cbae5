"""The search for better values of what a configuration leaves open."""

from cotrain.tuning._results import TUNED
from cotrain.tuning._search_space import SearchDimension
from cotrain.tuning._tune import SearchCallback, tune
from cotrain.tuning._tuning import Tuning

__all__ = ["TUNED", "SearchCallback", "SearchDimension", "Tuning", "tune"]
