"""Figures per task, and what they say together."""

from cotrain.evaluation._evaluate import evaluate, evaluate_scores, evaluate_task
from cotrain.evaluation._relative_gain import relative_gain
from cotrain.evaluation._table import EvaluationRow, EvaluationTable

__all__ = [
    "EvaluationRow",
    "EvaluationTable",
    "evaluate",
    "evaluate_scores",
    "evaluate_task",
    "relative_gain",
]
