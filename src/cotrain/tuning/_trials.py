"""Trials, one after the other, in one process."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from cotrain._base import CotrainError
from cotrain.configuration import construct_class
from cotrain.evaluation._padded_scores import scores_of
from cotrain.jobs import Leases
from cotrain.jobs._worker_process import start_worker
from cotrain.learner import Configuration, SplitTable
from cotrain.learner._fitting import FitOptions
from cotrain.learner._learner import fit_learner
from cotrain.learner._validation_gains import validation_gains
from cotrain.training import FitStart
from cotrain.tuning._search_space import SearchDimension
from cotrain.tuning._study import ask, fail_abandoned, open_storage, open_study, was_killed
from cotrain.tuning._tuning import Tuning

if TYPE_CHECKING:
    import optuna


#: Parts that a trial looks at.
SEEN = ("train", "validation", "unlabelled")


def work_alone(
    config: Mapping[str, Any], folder: str, storage: str | None, environment: Mapping[str, str]
) -> None:
    """Do trials in a process of its own that ends with the one that asks for them."""
    start_worker(environment)
    configuration = Configuration.from_config(config)
    work(configuration, Path(folder), storage, lambda: None)


def work(configuration: Configuration, folder: Path, storage: str | None, after: Callable[[], None]) -> None:
    """Do trials until there are as many as asked for.

    Args:
        configuration: the configuration.
        folder: of the tuning.
        storage: see `open_storage`.
        after: called after each trial.
    """
    tuning = construct_class(Tuning, configuration.tune, "tune")
    fields, rows = tuning.all_fields(configuration), SplitTable.of(configuration)
    study = open_study(
        open_storage(storage, folder), configuration, tuning, folder, data=rows.fingerprint(*SEEN)
    )
    leases = Leases(folder / "leases")
    lease = f"process-{uuid.uuid4().hex[:12]}"
    leases.claim(lease)
    try:
        fail_abandoned(study, leases)
        while len(counted(study)) < tuning.trials:
            trial = ask(study, configuration, tuning)
            trial.set_user_attr("lease", lease)
            one_trial(study, trial, configuration, tuning, fields=fields, rows=rows)
            after()
    finally:
        leases.close()


def counted(study: optuna.Study) -> list[Any]:
    """Return the trials that count: those of killed processes are done again."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    return [t for t in trials if t.state != TrialState.WAITING and not was_killed(t)]


def one_trial(
    study: optuna.Study,
    trial: optuna.Trial,
    configuration: Configuration,
    tuning: Tuning,
    *,
    fields: list[SearchDimension],
    rows: SplitTable,
) -> None:
    """Fit with the values of a trial, and tell the study what came of it; no error stops the search."""
    import optuna

    try:
        changed = tuning.configuration_with(
            configuration, {field.key: field.suggest(trial) for field in fields}
        )
        gains = _fit(changed, rows, [_Reports(trial)] if _prunes(tuning) else [])
    except optuna.TrialPruned:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return
    except (CotrainError, RuntimeError, ValueError, ArithmeticError) as error:
        trial.set_user_attr("reason", f"{type(error).__name__}: {error}")
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    trial.set_user_attr("gains", gains)
    known = [gain for gain in gains.values() if not math.isnan(gain)]
    values = list(gains.values()) if tuning.objectives == "per_task" else [sum(known) / max(1, len(known))]
    if not known or any(math.isnan(value) for value in values):
        trial.set_user_attr("reason", "a task has no value on the validation rows: too few labels")
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return
    study.tell(trial, values)


def _prunes(tuning: Tuning) -> bool:
    # Of several objectives no one can say which is worse half-way.
    return tuning.prune and tuning.objectives == "combined"


def _fit(configuration: Configuration, rows: SplitTable, loggers: list[_Reports]) -> dict[str, float]:
    """Return task -> gain over a constant on the validation rows."""
    learner = configuration.learner
    # What is searched for are the settings of the joint network, of which an ensemble has several alike.
    learner.answer = learner.ensemble = None
    validation = rows["validation"]
    options = FitOptions(
        unlabelled=rows.typed("unlabelled"),
        progress=False,
        loggers=loggers,
        left_out=rows.left_out,
        dependence=configuration.split.dependence(validation),
        train_dependence=configuration.split.dependence(rows["train"], rows["unlabelled"]),
    )
    fit_learner(learner, rows.typed("train"), rows.typed("validation"), options)
    held = learner.preprocessor.examples(validation)
    outputs = learner.fitted.joint_outputs(held.inputs)
    scores = {task.name: scores_of(task, outputs[task.name]) for task in learner.preprocessor.tasks}
    return validation_gains(learner.preprocessor, held, scores)


@final
class _Reports:
    """Reports the best value so far after each epoch, and stops a trial that is not worth going on with."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial = trial
        self.best = -math.inf

    def start(self, start: FitStart) -> None:
        """Do nothing: there is no value yet."""

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Do nothing: epochs are enough."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Report, and raise if the trial is to be pruned."""
        import optuna

        known = [gain for gain in record["gain"].values() if not math.isnan(gain)]
        if not known:
            return
        self.best = max(self.best, sum(known) / len(known))
        self.trial.report(self.best, record["epoch"])
        if self.trial.should_prune():
            raise optuna.TrialPruned

    def finish(self) -> None:
        """Do nothing."""

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Do nothing: a trial is judged by its epochs."""

    def message(self, text: str) -> None:
        """Do nothing: nobody reads a trial."""
