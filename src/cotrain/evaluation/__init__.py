"""Figures per task, and what they say together."""

from cotrain.evaluation._boosted_trees import BoostedTrees, TreeRows
from cotrain.evaluation._chance import Chance
from cotrain.evaluation._delta_m import DeltaM, delta_m, delta_m_of
from cotrain.evaluation._delta_m_difference import TaskScores, delta_m_difference
from cotrain.evaluation._diagnostics import calibration_by_chance, calibration_error, diagnostics
from cotrain.evaluation._diagnostics_by_group import errors_by_group
from cotrain.evaluation._evaluate import Evaluation, evaluate, evaluate_scores, evaluate_task
from cotrain.evaluation._holm import holm
from cotrain.evaluation._paired_bootstrap import Difference, difference_of_records, paired_bootstrap
from cotrain.evaluation._power import smallest_seen, what_it_would_take
from cotrain.evaluation._records import TaskRecords
from cotrain.evaluation._relative_gain import relative_gain
from cotrain.evaluation._resampling_units import resampling_units
from cotrain.evaluation._significance import Claim, Judgement, judge, mean_ranks
from cotrain.evaluation._table import EvaluationRow, EvaluationTable, figure, joined_tables
from cotrain.evaluation._too_few import too_few_to_tell
from cotrain.evaluation._trees import fit_trees
from cotrain.evaluation._unseen_labels import unseen_labels, unseen_sentences

__all__ = [
    "BoostedTrees",
    "Chance",
    "Claim",
    "DeltaM",
    "Difference",
    "Evaluation",
    "EvaluationRow",
    "EvaluationTable",
    "Judgement",
    "TaskRecords",
    "TaskScores",
    "TreeRows",
    "calibration_by_chance",
    "calibration_error",
    "delta_m",
    "delta_m_difference",
    "delta_m_of",
    "diagnostics",
    "difference_of_records",
    "errors_by_group",
    "evaluate",
    "evaluate_scores",
    "evaluate_task",
    "figure",
    "fit_trees",
    "holm",
    "joined_tables",
    "judge",
    "mean_ranks",
    "paired_bootstrap",
    "relative_gain",
    "resampling_units",
    "smallest_seen",
    "too_few_to_tell",
    "unseen_labels",
    "unseen_sentences",
    "what_it_would_take",
]
