"""Plain results as one HTML file that loads nothing."""

from cotrain.reporting._compare_report import comparison_report
from cotrain.reporting._folders import REPORT, report_of_folder
from cotrain.reporting._run_report import run_report

__all__ = ["REPORT", "comparison_report", "report_of_folder", "run_report"]
