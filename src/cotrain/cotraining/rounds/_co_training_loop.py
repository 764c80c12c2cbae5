"""The loop. It knows no strategy, no selector, no kind of peer and no kind of task by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import final

import torch
from torch import Tensor

from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._ragged import Ragged, labelled_rows
from cotrain.cotraining._entries import entries, is_labelled
from cotrain.cotraining._hypotheses import Hypotheses
from cotrain.cotraining._predictions import (
    Prediction,
    n_classes,
    prediction_of_texts,
    prior_of,
    true_units,
)
from cotrain.cotraining.guards._folds import belong_to, deal_into_folds
from cotrain.cotraining.guards._held_out import HeldOut, Holdout, TeacherAssessment
from cotrain.cotraining.guards._likeness import can_be_unlike, unlikeness
from cotrain.cotraining.guards._round_choice import (
    RoundVetoes,
    choose_round,
    label_shares,
    shares_of,
    value_on,
)
from cotrain.cotraining.peers import FittedPeer, Online, Peer
from cotrain.cotraining.rounds._online_training import OnlineTraining, online_strategy_of
from cotrain.cotraining.rounds._pseudo_labels import (
    LabellingResult,
    PseudoLabeller,
    PseudoLabels,
    unchanged,
    with_pseudo_labels,
)
from cotrain.cotraining.rounds._records import (
    CoTrainingResult,
    RoundRecord,
    answers,
    joint_answer,
    nothing_accepted,
    task_round,
)
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.strategies import Strategy
from cotrain.tasks import Task
from cotrain.training import Examples

Predictions = dict[str, Prediction]
#: With so many validation labels of a task its rounds are not cross-fitted as well.
ENOUGH_HELD = 100


@final
class PredictionCache:
    """What each peer of a round predicts for the training rows, asked for when it is wanted, and once.

    Args:
        fitted: the peers of a round, or peers under way as they are now.
        inputs: of the N rows.
    """

    def __init__(self, fitted: Sequence[FittedPeer], inputs: Mapping[str, Tensor]) -> None:
        self.fitted = fitted
        self.inputs = inputs
        self._found: dict[int, Mapping[str, Prediction]] = {}

    def of(self, number: int) -> Mapping[str, Prediction]:
        """Return for each of a peer's tasks what it predicts for every row."""
        if number not in self._found:
            self._found[number] = self.fitted[number].predictions(self.inputs)
        return self._found[number]


@final
class CoTrainingLoop:
    """Rounds of labelling and fitting, from a supervised start to a choice per task.

    Args:
        run: the data, the settings and the factory of peers.
        held: labelled rows that nothing learns from and nothing is chosen by, for which the rounds only
            predict; `None`: the validation rows. Of numbers it is taken for granted that they will be judged.

    Raises:
        DataError: a task has no label at all.
        InvalidArgumentError: the settings name no strategy.
    """

    def __init__(self, run: CoTrainingRun, held: Examples | None = None) -> None:
        if not isinstance(run.settings.strategy, Strategy):
            raise InvalidArgumentError(
                f"cotraining.strategy is {run.settings.strategy!r}: the loop needs one strategy."
            )
        self.given = run
        self.tasks = list(run.tasks)
        self.examples = run.examples
        self.validation = run.validation
        self.held = held or run.validation
        self.judged = {task.name for task in self.tasks if held is not None or self._can_be_judged(task)}
        self.settings = run.settings
        self.strategy = run.settings.strategy
        self.priors = {task.name: self._prior(task) for task in self.tasks}
        self.true_rows = run.examples.labelled().any(dim=1)
        open_rows = torch.ones(len(run.examples), dtype=torch.bool)
        for rows in (run.validation, held):
            if rows is not None:
                open_rows &= ~belong_to(run.examples, rows)
        self.labeller = PseudoLabeller(
            run.settings, self.strategy, run.examples, open_rows=open_rows, priors=self.priors
        )
        self.peers = self.strategy.peers(run.factory)
        self.answering = self.strategy.answering(len(self.peers))
        shares = {task.name: label_shares(task, run.examples, self.priors[task.name]) for task in self.tasks}
        self.vetoes = RoundVetoes(self.tasks, run.examples, shares, run.settings.max_drift)
        self.assessments: list[dict[str, TeacherAssessment]] = []
        self.online: OnlineTraining | None = None
        self.unlike: dict[str, str] = {}
        self._latest: PredictionCache | None = None

    def _prior(self, task: Task) -> Tensor:
        targets, mask = self.examples.targets[task.name], self.examples.masks[task.name]
        if not is_labelled(mask):
            raise DataError(
                f"Task {task.name!r} has no label among the {len(self.examples)} training rows: co-training "
                "completes labels and cannot begin without one. Label some rows, or leave the task out."
            )
        return prior_of(task, *true_units(task, targets, mask))

    # -- the loop -----------------------------------------------------------------------------------

    def run(self) -> CoTrainingResult:
        """Label, fit and check until a rule says stop; then choose a round for every task."""
        rounds, checked, records, stopped = self._play()
        held = self._held_out(checked, rounds[0])
        choices = {
            task.name: choose_round(task, held[task.name], self.vetoes, self.settings) for task in self.tasks
        }
        return CoTrainingResult(
            records=records,
            chosen={name: choice.round for name, choice in choices.items()},
            stopped=stopped,
            verdicts={name: choice.reason for name, choice in choices.items()},
            peers=[peer.name for peer in self.peers],
            fitted=rounds,
            answering=self.answering,
            labels={
                task.name: self._final_labels(task, choices[task.name].round, rounds) for task in self.tasks
            },
            assessments=self.assessments,
            pool=int((~self.true_rows).sum()),
            held_out=held,
            online=self.strategy.online is not None,
            unlike=self.unlike,
        )

    def _play(self) -> tuple[list[list[FittedPeer]], list[Predictions], list[RoundRecord], str]:
        """Return the peers of every round, what they predict for held-out rows, the records, and the end."""
        fitted = [self._fit(number, peer, {}, 0) for number, peer in enumerate(self.peers)]
        self.vetoes.expect_answers([fitted[number] for number in self.answering])
        rounds, checked, records = [fitted], [self._checked(fitted)], []
        if not any(bool(self.labeller.free(task).any()) for task in self.tasks):
            return rounds, checked, records, "there is no unlabelled cell"
        self.assessments = self._assessments(fitted)
        start = self._shares(fitted)
        taught: list[dict[str, LabellingResult]] = []
        stale = 0
        for round_ in range(1, self.settings.max_rounds + 1):
            before, taught = taught, self._teach(self._predictions(rounds[-1]), round_)
            if self.strategy.online is None and unchanged(taught, before):
                return rounds, checked, records, "the labels stay as they were"
            if not any(one.labels.n_accepted for labels in taught for one in labels.values()):
                return rounds, checked, records, nothing_accepted(taught)
            rounds.append(self._learn(rounds[-1], taught, round_))
            checked.append(self._checked(rounds[-1]))
            self.vetoes.failed([rounds[-1][number] for number in self.answering], round_)
            self.vetoes.collapsed(start, self._shares(rounds[-1]), round_)
            records.append(self._record(taught, rounds[-1], checked, round_))
            if self.given.callback is not None:
                self.given.callback(records[-1])
            stale = 0 if self._is_better(checked) else stale + 1
            if (
                self.validation is not None
                and self.held is self.validation
                and stale >= self.settings.patience
            ):
                return rounds, checked, records, f"no task's validation got better in {stale} rounds"
        return rounds, checked, records, f"all {self.settings.max_rounds} rounds are done"

    def _predictions(self, fitted: Sequence[FittedPeer]) -> PredictionCache:
        """Return what a round's peers believe of the training rows; those of the latest are kept."""
        if self._latest is None or self._latest.fitted is not fitted:
            self._latest = PredictionCache(fitted, self.examples.inputs)
        return self._latest

    def _teach(self, predictions: PredictionCache, round_: int) -> list[dict[str, LabellingResult]]:
        """Return for each peer what it is taught, per task."""
        n = len(self.peers)
        return [
            {
                task.name: self._label(task, self.strategy.teachers(learner, n), predictions, round_)
                for task in peer.tasks
            }
            if self.strategy.teachers(learner, n)
            else {}
            for learner, peer in enumerate(self.peers)
        ]

    def _label(
        self, task: Task, teachers: Sequence[int], predictions: PredictionCache, round_: int
    ) -> LabellingResult:
        if task.why_no_pseudo_labels:
            return self._nothing(task, task.why_no_pseudo_labels)
        if not task.has_classes and task.name not in self.judged:
            # That peers agree on a number is no evidence that they are right, and nothing would show it.
            return self._nothing(task, "numbers are labelled only where held-out labels can judge it")
        if not task.has_classes and not self.strategy.number_weight:
            return self._nothing(task, "the strategy does not label numbers")
        knowing = [n for n in teachers if task.name in self.assessments[n]]
        objections = {
            n: predictions.fitted[n].failures.get(task.name) or self.assessments[n][task.name].objection
            for n in knowing
        }
        able = [n for n in knowing if not objections[n]]
        if not able:
            note = "; ".join(sorted(set(objections.values())))
            return self._nothing(task, note or "no teacher has learned the task")
        calibrated = [self.assessments[n][task.name].calibrated(predictions.of(n)[task.name]) for n in able]
        return self.labeller.label(
            task,
            calibrated,
            [self.peers[n].name for n in able],
            round_,
            assessments=[self.assessments[n][task.name] for n in able],
        )

    def _nothing(self, task: Task, note: str) -> LabellingResult:
        return LabellingResult(PseudoLabels.none(self._entries(task)), math.nan, note)

    def _entries(self, task: Task) -> Tensor:
        return entries(task, self.examples.targets[task.name])

    def _learn(
        self, before: Sequence[FittedPeer], taught: Sequence[dict[str, LabellingResult]], round_: int
    ) -> list[FittedPeer]:
        """Fit anew every peer that was taught something; the others stay as they are."""
        if self.strategy.online is not None:
            return self._go_on(self.strategy.online, before, round_)
        fitted = list(before)
        for number, peer in enumerate(self.peers):
            labels = {task: one.labels for task, one in taught[number].items() if one.labels.n_accepted}
            if labels:
                fitted[number] = self._fit(number, peer, labels, round_)
        return fitted

    def _go_on(self, online: Online, start: Sequence[FittedPeer], round_: int) -> list[FittedPeer]:
        if self.online is None:
            networks = online_strategy_of(
                self.peers,
                self.examples,
                start,
                online,
                n_rounds=self.settings.max_rounds,
                true_rows=self.true_rows,
            )
            self.online = OnlineTraining(
                networks,
                self.peers,
                self.examples,
                n_rounds=self.settings.max_rounds,
                teach=lambda now, number: self._teach(PredictionCache(now, self.examples.inputs), number),
                path=self.given.cache.path("online"),
            )
        return self.online.round(round_)

    def _fit(self, number: int, peer: Peer, labels: dict[str, PseudoLabels], round_: int) -> FittedPeer:
        rows = with_pseudo_labels(self.examples, peer.learned, labels)
        key = f"round-{round_}-peer-{number}"
        return peer.fit(rows, self.validation, key, self.given.cache, true=self.true_rows)

    # -- guards -------------------------------------------------------------------------------------

    def _assessments(self, fitted: Sequence[FittedPeer]) -> list[dict[str, TeacherAssessment]]:
        holdout = Holdout(
            self.examples,
            self.validation,
            self.settings,
            seed=self.given.seed,
            cache=self.given.cache,
        )
        pairs = enumerate(zip(self.peers, fitted, strict=True))
        return [holdout.assessments(peer, one, f"peer-{number}") for number, (peer, one) in pairs]

    def _checked(self, fitted: Sequence[FittedPeer]) -> Predictions:
        """Return the joint answer on the held-out rows."""
        if self.held is None:
            return {}
        if self.held is not self.validation:
            return answers(fitted, self.answering, self.held.inputs)
        return joint_answer([fitted[number].judged_on(self.held) for number in self.answering])

    def _can_be_judged(self, task: Task) -> bool:
        """Say whether there will be held-out labels of a task."""
        if self.validation is not None and is_labelled(self.validation.masks[task.name]):
            return True
        n_labels = int(labelled_rows(self.examples.masks[task.name]).sum())
        return self.given.settings.margin > 0 and n_labels >= max(2, self.given.settings.min_labels)

    def _held_out(self, checked: Sequence[Predictions], start: Sequence[FittedPeer]) -> dict[str, HeldOut]:
        """Return each task's predictions for held-out rows: validation rows, and folds if these are few."""
        nothing = self.examples.take(torch.arange(0))
        found = {}
        for task in self.tasks:
            rows = nothing if self.held is None else self.held
            predictions = [one[task.name] for one in checked] if checked[0] else []
            found[task.name] = HeldOut.of(task, predictions or self._empty(task, len(checked)), rows)
        pool = self.examples.take(torch.nonzero(~self.true_rows).flatten())
        asked = [task for task in self.tasks if can_be_unlike(task)]
        enough = [task for task in asked if found[task.name].n_labels >= ENOUGH_HELD]
        if enough and len(pool):
            beside = answers(start, self.answering, pool.inputs)
            for task in enough:
                self._note(task, [found[task.name]], [beside[task.name]])
        few = [
            task
            for task in self.tasks
            if found[task.name].n_labels < ENOUGH_HELD
            and self._can_be_judged(task)
            and (self.given.always_judged or set(range(1, len(checked))) - self.vetoes.rounds(task))
        ]
        if not few or not self.settings.margin:
            return found
        parts: dict[str, list[HeldOut]] = {task.name: [] for task in few}
        asked = [task for task in asked if task in few]
        on_pool: list[Predictions] = []
        for rows, of_fold, start_of_fold in self._folds():
            for task in few:
                parts[task.name].append(HeldOut.of(task, [one[task.name] for one in of_fold], rows))
                found[task.name] = found[task.name].joined(parts[task.name][-1])
            if len(pool) and asked:
                said = answers(start_of_fold, self.answering, pool.inputs)
                on_pool.append({task.name: said[task.name] for task in asked})
        for task in asked:
            self._note(task, parts[task.name], [one[task.name] for one in on_pool])
        return found

    def _note(self, task: Task, held: Sequence[HeldOut], pool: Sequence[Prediction]) -> None:
        """Keep what speaks against held-out labels as witnesses of the pool."""
        said = unlikeness(task, held, pool)
        if said:
            self.unlike[task.name] = said

    def _empty(self, task: Task, n_rounds: int) -> list[Prediction]:
        n_targets = self._entries(task).shape[1]
        nothing = torch.zeros(0, n_targets)
        if not task.has_classes:
            return [Prediction(values=nothing, spread=nothing)] * n_rounds
        texts, labelling = task.hypothesis_labelling(), task.entry_labelling()
        if texts is not None:
            rows = Ragged(torch.zeros(0, task.n_outputs), torch.zeros(1, dtype=torch.int64))
            return [prediction_of_texts(Hypotheses(texts, [rows]))] * n_rounds
        return [
            Prediction(
                probabilities=torch.zeros(0, n_targets, n_classes(task)),
                labelling=labelling,
                offsets=None if labelling is None else torch.zeros(1, dtype=torch.int64),
            )
        ] * n_rounds

    def _folds(self) -> Iterator[tuple[Examples, list[Predictions], list[FittedPeer]]]:
        """Run the rounds once more without each fold's labels; yield its rows, what was said, the start."""
        fold_of = deal_into_folds(self.tasks, self.examples, self.settings.folds, self.given.seed)
        for fold in range(self.settings.folds):
            held = self.examples.take(torch.nonzero(fold_of == fold).flatten())
            rest = self.examples.take(torch.nonzero(fold_of != fold).flatten())
            if len(held) and all(is_labelled(rest.masks[task.name]) for task in self.tasks):
                run = replace(
                    self.given,
                    examples=rest,
                    cache=self.given.cache.part(f"held-{fold}"),
                    callback=None,
                    truth=None,
                )
                fitted, checked, _, _ = CoTrainingLoop(run, held)._play()
                yield held, checked, fitted[0]

    def _shares(self, fitted: Sequence[FittedPeer]) -> dict[str, Tensor]:
        """Return the shares of classes, or symbols, in a round's answers on the unlabelled cells, [T, C]."""
        predictions = self._predictions(fitted)
        answer = joint_answer([predictions.of(number) for number in self.answering])
        found = {}
        for task in self.tasks:
            if task.has_classes:
                one = answer[task.name]
                if one.heard is not None:
                    rows = self.labeller.free(task)[:, 0]
                    found[task.name] = torch.nan_to_num(one.heard.shares(one.heard.texts, rows))
                    continue
                units, free = one.units(), self.labeller.free(task)
                found[task.name] = shares_of(units.first(one.classes()), units.all(free), n_classes(task))
        return found

    def _value(self, task: Task, predictions: Predictions) -> float:
        if self.held is None or task.name not in predictions:
            return math.nan
        return value_on(task, predictions[task.name], self.held)

    def _is_better(self, checked: Sequence[Predictions]) -> bool:
        """Say whether any task's validation value is the best so far."""
        for task in self.tasks:
            sign = 1 if task.chosen_metrics()[0].direction == "max" else -1
            values = [sign * self._value(task, predictions) for predictions in checked]
            if values[-1] > max(values[:-1]):
                return True
        return False

    # -- records ------------------------------------------------------------------------------------

    def _record(
        self,
        taught: Sequence[dict[str, LabellingResult]],
        fitted: Sequence[FittedPeer],
        checked: Sequence[Predictions],
        round_: int,
    ) -> RoundRecord:
        tasks = []
        for task in self.tasks:
            found = [labels[task.name] for labels in taught if task.name in labels]
            values = [
                self._value(task, predictions) for predictions in (checked[0], checked[-2], checked[-1])
            ]
            tasks.append(
                task_round(
                    task,
                    found,
                    values,
                    n_free=int(self.labeller.free(task).sum()),
                    refused=self.vetoes.reason(task, round_),
                    truth=self.given.truth,
                )
            )
        return RoundRecord(round_, tasks, [one.updates for one in fitted])

    def _final_labels(self, task: Task, chosen: int, rounds: Sequence[Sequence[FittedPeer]]) -> PseudoLabels:
        """Return the labels that the answering peers of the chosen round would give at full progress."""
        nothing = PseudoLabels.none(self._entries(task))
        if not chosen:
            return nothing
        predictions = self._predictions(rounds[chosen])
        labels = self._label(task, self.answering, predictions, self.settings.max_rounds).labels
        return replace(labels, round=chosen)
