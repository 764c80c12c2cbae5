"""What may be wrong with a table, one check in one file each."""

from cotrain.data.checks._base import Labels, Problem, read_labels
from cotrain.data.checks._classes import check_classes
from cotrain.data.checks._columns import check_columns
from cotrain.data.checks._coverage import check_coverage
from cotrain.data.checks._cut import check_cut
from cotrain.data.checks._drift import check_drift
from cotrain.data.checks._duplicates import check_duplicates
from cotrain.data.checks._find import find_problems
from cotrain.data.checks._groups import check_groups
from cotrain.data.checks._leakage import check_leakage
from cotrain.data.checks._missing import check_missing
from cotrain.data.checks._sources import check_sources
from cotrain.data.checks._weights import check_weights

__all__ = [
    "Labels",
    "Problem",
    "check_classes",
    "check_columns",
    "check_coverage",
    "check_cut",
    "check_drift",
    "check_duplicates",
    "check_groups",
    "check_leakage",
    "check_missing",
    "check_sources",
    "check_weights",
    "find_problems",
    "read_labels",
]
