"""Co-training after the supervised fit: rounds, then one network that has learned from their labels."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

import polars as pl

from cotrain._base import write_text_atomically
from cotrain.cotraining import CoTraining, CoTrainingResult, RoundRecord
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.rounds._strategy_selection import run_rounds
from cotrain.cotraining.rounds._student import fit_student
from cotrain.learner._confidence import cells_of
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._run_folder import COTRAINING, ROUNDS
from cotrain.learner._views import named_views, row_shapes
from cotrain.networks import Encoder, MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples, FitResult, JsonLinesLogger, Logger, ProgressLogger, Weights

if TYPE_CHECKING:
    from cotrain.learner._learner import Learner


@final
class CoTrainingStage:
    """Improves a supervised network by rounds of co-training.

    The peers come and go; what stays is one network of the learner's own architecture, fitted to the true
    labels and to the pseudo-labels of the rounds that were chosen. For each task it is kept if it is not
    worse than the supervised network on the validation rows, so a saved learner looks as it always did.

    Args:
        learner: gives balancer, training settings and seed.
        settings: of co-training.
        preprocessor: of inputs and tasks.
        build: (name, tasks) -> a fresh network.
        folder: the run folder; `None`: nothing is kept.
        followers: of the fit; those that keep the history get the rounds, those that show progress show them.
    """

    def __init__(
        self,
        learner: Learner,
        settings: CoTraining,
        preprocessor: Preprocessor,
        build: Callable[[str, Sequence[Task]], MultiTaskNetwork],
        folder: Path | None,
        followers: Sequence[Logger],
    ) -> None:
        self.settings = settings
        self.preprocessor = preprocessor
        self.seed = learner.seed
        self.folder = folder
        self.followers = list(followers)
        #: The pseudo-labels that the weights have learned from, as a table.
        self.cells: pl.DataFrame | None = None

        def build_with(name: str, tasks: Sequence[Task], encoder: Encoder | None = None) -> MultiTaskNetwork:
            if encoder is None:
                return build(name, tasks)
            changed = copy.copy(learner)
            changed.encoder = encoder
            return changed.build_model(preprocessor, name, tasks)

        self.factory = NetworkFactory(
            preprocessor.tasks,
            build=build_with,
            balancer=learner.balancer,
            training=learner.training,
            settings=settings,
            shapes=row_shapes(preprocessor.spec),
            views=named_views(preprocessor.schema, preprocessor.spec, settings.views),
            seed=learner.seed,
        )

    def improve(
        self, start: FitResult, train: Examples, validation: Examples | None
    ) -> tuple[list[Weights], dict[str, int]]:
        """Return the weights that answer, and which of them each task uses; keep what they learned from.

        Args:
            start: the supervised fit.
            train: training rows, those without any label included.
            validation: validation rows.
        """
        self.factory.inputs = train.inputs
        cache = FitCache(None if self.folder is None else self.folder / ROUNDS)
        run = CoTrainingRun(
            tasks=self.preprocessor.tasks,
            examples=train,
            validation=validation,
            settings=self.settings,
            factory=self.factory,
            seed=self.seed,
            cache=cache,
            callback=self._callback,
        )
        outcome = run_rounds(run)
        student, kept = fit_student(run, self.factory, start, outcome)
        self._report(outcome, kept)
        cache.clear()
        if student is None:
            return start.weights, start.weights_of
        learned = {task: labels for task, labels in outcome.labels.items() if kept[task]}
        self.cells = cells_of(train, learned, outcome.chosen)
        weights = [*start.weights, *student.weights]
        weights_of = {
            task: len(start.weights) + student.weights_of[task] if kept[task] else start.weights_of[task]
            for task in start.weights_of
        }
        return weights, weights_of

    def _callback(self, record: RoundRecord) -> None:
        for follower in self.followers:
            if isinstance(follower, JsonLinesLogger):
                follower.epoch({"cotraining": record.to_json()})
            elif isinstance(follower, ProgressLogger):
                for line in record.lines():
                    follower.console.print(line, soft_wrap=True, markup=False, highlight=False)

    def _report(self, outcome: CoTrainingResult, kept: dict[str, bool]) -> None:
        verdicts = {
            task: verdict
            if kept[task] or not outcome.chosen[task]
            else "supervised start: the network taught by the rounds was worse on the validation rows"
            for task, verdict in outcome.verdicts.items()
        }
        for follower in self.followers:
            if isinstance(follower, ProgressLogger):
                follower.console.print(f"co-training ended: {outcome.stopped}", soft_wrap=True, markup=False)
                for task, verdict in verdicts.items():
                    follower.console.print(f"  {task}: {verdict}", soft_wrap=True, markup=False)
        if self.folder is not None:
            record = {**outcome.to_json(), "verdicts": verdicts, "kept": kept}
            text = json.dumps(record, ensure_ascii=False, indent=1)
            write_text_atomically(self.folder / COTRAINING, text + "\n")
