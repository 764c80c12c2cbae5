"""Plain results as one HTML file that loads nothing."""

from cotrain.reporting._analysis import analysis_of
from cotrain.reporting._compare_report import comparison_report
from cotrain.reporting._from_folder import REPORT, analysis_of_folder, report_of_folder
from cotrain.reporting._run_report import run_report

__all__ = [
    "REPORT",
    "analysis_of",
    "analysis_of_folder",
    "comparison_report",
    "report_of_folder",
    "run_report",
]
