"""How far a way of training is from the references on the test rows, in processes of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import polars as pl

from cotrain.comparison._checked_files import read_arrays, write_record
from cotrain.configuration import construct_class
from cotrain.data import Split, TypedTable
from cotrain.evaluation import (
    Difference,
    TaskScores,
    delta_m_difference,
    paired_bootstrap,
    too_few_to_tell,
)
from cotrain.evaluation._padded_scores import constant_beside, truth_beside, truth_of
from cotrain.learner import Learner, Preprocessor
from cotrain.tasks import Task

#: Half the width of an interval from so many resamples is within 5 % of that from infinitely many.
RESAMPLES = 200
#: Whether something is learned at all is asked more coarsely.
COARSE = 80


@final
@dataclass(frozen=True)
class _Sides:
    """The scores of one task, a contender's and the references', with what ties rows and seeds."""

    task: Task
    joint: Sequence[np.ndarray]
    alone: Sequence[np.ndarray]
    truth: tuple[np.ndarray, np.ndarray]
    tied: Mapping[str, np.ndarray]
    paired: bool = False

    def difference(
        self, a: Sequence[np.ndarray], b: Sequence[np.ndarray], n_resamples: int = RESAMPLES
    ) -> Difference:
        return paired_bootstrap(
            self.task.chosen_metrics()[0],
            a,
            b,
            self.truth[0],
            mask=self.truth[1],
            groups=self.tied.get("groups"),
            times=self.tied.get("times"),
            paired_seeds=self.paired,
            n_resamples=n_resamples,
        )

    def too_few(self) -> str:
        groups, times = self.tied.get("groups"), self.tied.get("times")
        return too_few_to_tell(self.task, *self.truth, groups=groups, times=times)

    def is_learned(self, constant: np.ndarray) -> bool:
        """Whether either side is better than a constant beyond chance."""
        sides, constants = (self.joint, self.alone), [constant] * len(self.joint)
        return any(self.difference(side, constants, COARSE).low > 0 for side in sides)

    def scores(self) -> TaskScores:
        return TaskScores(self.task.chosen_metrics()[0], self.joint, self.alone, *self.truth)


def compare_scores(
    parts: str,
    output: str,
    config: Mapping[str, Any],
    left_out: Sequence[str],
    *,
    scores: str,
    single: str,
    n_seeds: int,
    trees: str | None = None,
    joint: str | None = None,
    split: Mapping[str, Any] | None = None,
) -> None:
    """Keep how far a contender is from the single-task networks, over seeds and test rows.

    The file gets "tasks": task -> "difference", "too_few" (why nothing can be said), "learned" (whether
    either side is better than a constant), "trees" (the difference to boosted trees) and "joint" (that to a
    joint method); and "delta_m".

    Args:
        parts: folder with train.parquet and test.parquet.
        output: file to write.
        config: of the learner.
        left_out: columns that are neither inputs nor targets.
        scores: file with the contender's scores.
        single: file with those of the single-task networks.
        n_seeds: seeds of both.
        trees: file with the scores of boosted trees, of one seed; `None`: they are not asked for.
        joint: file with the scores of a joint method that is a reference too; `None`: there is none.
        split: arguments of the `Split`, which says whether rows belong together.
    """
    learner = construct_class(Learner, config, "")
    preprocessor, _ = Preprocessor.fit(
        TypedTable.read(Path(parts) / "train.parquet"), learner.tasks, learner.columns, left_out
    )
    truths = read_truths(preprocessor, Path(parts))
    tied = Split(**(split or {})).dependence(pl.read_parquet(Path(parts) / "test.parquet"))
    boosted = {} if trees is None else read_arrays(Path(trees))
    together = {} if joint is None else read_arrays(Path(joint))
    arrays, found, comparable = (read_arrays(Path(scores)), read_arrays(Path(single))), {}, {}
    for number, task in enumerate(preprocessor.tasks):
        keys = [f"{seed}/{number}" for seed in range(n_seeds)]
        ours, alone = ([side[key] for key in keys] for side in arrays)
        truth = truth_beside(task, truths[task.name], ours[0])
        # Who answers at a seed is made of the other two at that seed.
        sides = _Sides(task, ours, alone, truth, tied, paired=joint is not None)
        constant = constant_beside(task, preprocessor.constants[task.name], ours[0])
        few, difference = sides.too_few(), sides.difference(ours, alone)
        if not few and not np.isnan(difference.p_value):
            comparable[task.name] = sides.scores()
        beside = boosted.get(f"0/{number}")
        found[task.name] = {
            "difference": difference.to_json(),
            "too_few": few,
            "learned": bool(few) or sides.is_learned(constant),
            "trees": None if beside is None else sides.difference(ours, [beside] * n_seeds).to_json(),
            "joint": sides.difference(ours, [together[k] for k in keys]).to_json() if together else None,
        }
    record = {"tasks": found, "delta_m": _over_all(comparable, tied)}
    write_record(Path(output), record)


def _over_all(comparable: Mapping[str, TaskScores], tied: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    if not comparable:
        return None
    groups, times = tied.get("groups"), tied.get("times")
    return delta_m_difference(comparable, groups=groups, times=times, n_resamples=RESAMPLES).to_json()


def read_truths(preprocessor: Preprocessor, parts: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return task -> targets and mask of the test rows, in the unit of the metrics."""
    test = pl.read_parquet(parts / "test.parquet")
    return {task.name: truth_of(task, *task.encode(test)) for task in preprocessor.tasks}
