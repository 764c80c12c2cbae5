"""Co-training after the supervised fit: rounds, then one network that has learned from their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from cotrain._base import strict_json, write_text_atomically
from cotrain._base._ragged import Ragged, labelled_rows
from cotrain.balancing import Balancer
from cotrain.cotraining import CoTraining, CoTrainingResult, RoundRecord, Strategy
from cotrain.cotraining._entries import can_be_labelled, of_lengths
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._run import CoTrainingRun, cleaned, fit_student
from cotrain.cotraining.rounds._strategy_selection import run_rounds
from cotrain.data.sources import Mixing
from cotrain.learner._architecture import Architecture
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._provenance import Provenance
from cotrain.learner._run_folder import COTRAINING, ROUNDS
from cotrain.learner._views import named_views, row_shapes
from cotrain.networks import Encoder, MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples, FitResult, Logger, Training
from cotrain.training._best_weights import Weights
from cotrain.training._fit import Augment
from cotrain.training._predict import output_batches


@final
class CoTrainingStage:
    """Improves a supervised network by rounds of co-training.

    The peers come and go; what stays is one network of the learner's own architecture, fitted to the true
    labels and to the pseudo-labels of the rounds that were chosen, or one that went on through the rounds
    itself, see `fit_student`. For each task it is kept if it is not worse than the supervised network on the
    validation rows, so a saved learner looks as it always did.

    Args:
        settings: of co-training.
        preprocessor: of inputs and tasks.
        architecture: of the networks.
        balancer: how tasks are weighed within a network.
        training: how networks are fitted.
        mixing: how many rows of each source a batch holds.
        augment: what changes the batches that networks learn from.
        seed: names every random stream.
        folder: the run folder; `None`: nothing is kept.
        loggers: are told of every round.
    """

    def __init__(
        self,
        settings: CoTraining,
        preprocessor: Preprocessor,
        architecture: Architecture,
        balancer: Balancer,
        *,
        training: Training,
        mixing: Mixing | None = None,
        augment: Augment | None = None,
        seed: int = 0,
        folder: Path | None = None,
        loggers: Sequence[Logger] = (),
    ) -> None:
        self.settings = settings
        self.preprocessor = preprocessor
        self.tasks = [task for task in preprocessor.tasks if can_be_labelled(task)]
        self.seed = seed
        self.folder = folder
        self.loggers = list(loggers)

        def build(name: str, tasks: Sequence[Task], encoder: Encoder | None = None) -> MultiTaskNetwork:
            return architecture.with_encoder(encoder).build(preprocessor, tasks, name)

        self.factory = NetworkFactory(
            self.tasks,
            learned=preprocessor.tasks,
            build=build,
            balancer=balancer,
            training=training,
            settings=settings,
            shapes=row_shapes(preprocessor.spec),
            views=named_views(preprocessor.schema, preprocessor.spec, settings.views),
            mixing=mixing,
            augment=augment,
            seed=seed,
        )
        if isinstance(settings.strategy, Strategy):
            # What its peers and its selector cannot take is said before anything is fitted.
            settings.strategy.peers(self.factory)
            settings.strategy.selector.check(self.tasks, self.factory.shapes)
            self.factory.require_heed()

    def improve(
        self, start: FitResult, train: Examples, validation: Examples | None
    ) -> tuple[list[Weights], dict[str, int], Provenance]:
        """Return the weights that answer, which of them each task uses, and what they learned from.

        Args:
            start: the supervised fit.
            train: training rows, those without any label included.
            validation: validation rows.
        """
        self._tell_what_is_left()
        train = self._with_every_entry(train)
        validation = None if validation is None else self._with_every_entry(validation)
        self.factory.inputs = train.inputs
        cache = FitCache(None if self.folder is None else self.folder / ROUNDS)
        run = CoTrainingRun(
            tasks=self.tasks,
            examples=train,
            validation=validation,
            settings=self.settings,
            factory=self.factory,
            seed=self.seed,
            cache=cache,
            callback=self._callback,
        )
        run, doubted = cleaned(run)
        outcome = replace(run_rounds(run), doubted=doubted)
        student, kept = fit_student(run, self.factory, start, outcome)
        self._report(outcome, kept, validation)
        cache.clear()
        kept = dict.fromkeys(start.weights_of, False) | kept
        if student is None:
            return start.weights, start.weights_of, Provenance()
        learned = {task: labels for task, labels in outcome.labels.items() if kept[task]}
        weights = [*start.weights, *student.weights]
        weights_of = {
            task: len(start.weights) + student.weights_of[task] if kept[task] else start.weights_of[task]
            for task in start.weights_of
        }
        return weights, weights_of, Provenance.of(train, learned, self.tasks)

    def _with_every_entry(self, rows: Examples) -> Examples:
        """Return rows whose ragged targets have an entry for every output: what there was not is open."""
        names = [task.name for task in self.tasks]
        ragged = [name for name in names if isinstance(rows.targets[name], Ragged)]
        if not ragged:
            return rows
        # How many outputs a row has depends on the architecture, not on what it has learned.
        model = self.factory.build("initial weights", self.preprocessor.tasks)
        found: dict[str, list[Tensor]] = {name: [] for name in ragged}
        for _, outputs in output_batches(model, rows.inputs, tasks=names):
            for name in ragged:
                found[name].append(outputs[name].lengths)
        lengths = {name: torch.cat(parts) for name, parts in found.items()}
        targets, masks = (
            {**leaves, **{name: of_lengths(leaves[name], lengths[name]) for name in ragged}}
            for leaves in (rows.targets, rows.masks)
        )
        return replace(rows, targets=targets, masks=masks)

    def _tell_what_is_left(self) -> None:
        for task in self.preprocessor.tasks:
            for logger in self.loggers if task.why_no_pseudo_labels else []:
                logger.message(f"co-training labels nothing of {task.name}: {task.why_no_pseudo_labels}")
            for logger in self.loggers if task not in self.tasks else []:
                logger.message(
                    f"  {task.name}: a {type(task).__name__} is not co-trained: the networks learn it from "
                    "its true labels, and its supervised start answers"
                )

    def _callback(self, record: RoundRecord) -> None:
        for logger in self.loggers:
            logger.round(record.to_json(), record.lines())

    def _report(self, outcome: CoTrainingResult, kept: dict[str, bool], held: Examples | None) -> None:
        why_not = {task.name: task.why_no_pseudo_labels for task in self.preprocessor.tasks}
        verdicts = {}
        for task, verdict in outcome.verdicts.items():
            if not outcome.chosen[task]:
                verdicts[task] = f"supervised start: {why_not[task]}" if why_not[task] else verdict
            elif not kept[task]:
                n = 0 if held is None else int(labelled_rows(held.masks[task]).sum())
                worse = f"the network taught by the rounds was worse on the {n} validation rows with a label"
                verdicts[task] = f"supervised start: {worse} ({verdict})"
            else:
                verdicts[task] = verdict
        for logger in self.loggers:
            for task, count in outcome.doubted.items():
                logger.message(f"  {task}: {count} true labels are probably wrong and were taken out")
            logger.message(f"co-training ended: {outcome.stopped}")
            for task, verdict in verdicts.items():
                logger.message(f"  {task}: {verdict}")
            for task, difference in outcome.unlike.items():
                logger.message(f"  {task}: {difference}")
        if self.folder is not None:
            record = {**outcome.to_json(), "verdicts": verdicts, "kept": kept}
            left = [task.name for task in self.preprocessor.tasks if task not in self.tasks]
            if left:
                record["not_co_trained"] = left
            write_text_atomically(self.folder / COTRAINING, strict_json(record, indent=1) + "\n")
