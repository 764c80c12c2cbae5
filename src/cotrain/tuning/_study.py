"""The study of Optuna: opened, shared, gone on with."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cotrain._base import ConfigError, RunError, mix_seed, require_extra
from cotrain.jobs import Leases
from cotrain.learner import Configuration
from cotrain.learner._configuration import GIVEN_PARTS, each_path
from cotrain.tuning._tuning import Tuning

if TYPE_CHECKING:
    import optuna

JOURNAL = "study.journal"
#: A trial that begins is without a lease for a moment.
_MOMENT = timedelta(seconds=10)


def open_storage(spec: str | None, folder: Path) -> Any:
    """Open a storage that several processes can use at once.

    Args:
        spec: "journal:PATH" for a file, a URL of a database such as "sqlite:///study.db", or `None` for a
            journal in the folder.
        folder: of the tuning.

    Raises:
        ConfigError: it is neither.
        MissingExtraError: optuna is not installed.
    """
    optuna = require_extra("optuna", "hpo", "cotrain tune")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    kind, _, place = (spec or f"journal:{folder / JOURNAL}").partition(":")
    if kind == "journal" and place:
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        Path(place).parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(place, JournalFileOpenLock(place)))
    if place.startswith("//"):
        try:
            return optuna.storages.RDBStorage(spec)
        except Exception as error:  # whatever the driver of the database raises
            reason = str(error).splitlines()[0]
            raise ConfigError(f"--storage {spec}: cannot open this database: {reason}.") from error
    raise ConfigError(
        f"--storage {spec!r}: expected journal:PATH, or the URL of a database such as sqlite:///study.db."
    )


def open_study(
    storage: Any, configuration: Configuration, tuning: Tuning, folder: Path, *, data: str | None = None
) -> optuna.Study:
    """Open the study, or make it.

    Args:
        storage: from `open_storage`.
        configuration: the configuration.
        tuning: its section.
        folder: names the study.
        data: a hash of the rows that trials look at; `None`: not looked at.

    Raises:
        RunError: the study there is of another configuration, or of other rows.
    """
    import optuna

    tasks = [task.name for task in configuration.learner.tasks]
    n_objectives = len(tasks) if tuning.objectives == "per_task" else 1
    another = (
        f"{folder} holds a search of another configuration: choose another folder with --output, or delete "
        "this one."
    )
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=folder.resolve().name,
            directions=["maximize"] * n_objectives,
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=tuning.startup, n_warmup_steps=0),
        )
    except ValueError as error:  # the number of objectives is another one
        raise RunError(another) from error
    found = study.user_attrs.get("configuration")
    if found is None:
        study.set_user_attr("configuration", _digest(configuration))
    elif found != _digest(configuration):
        raise RunError(another)
    rows = study.user_attrs.get("data")
    if rows is None and data is not None:
        study.set_user_attr("data", data)
    elif data is not None and rows != data:
        raise RunError(
            f"{folder} holds a search on other training or validation rows: the data has changed since. "
            "Restore them, or choose another folder with --output."
        )
    return study


def ask(study: optuna.Study, configuration: Configuration, tuning: Tuning) -> optuna.Trial:
    """Return a new trial, whose random draws its place among the trials that count names.

    So several processes never draw the same, and a search that was stopped draws what it would have drawn: a
    trial that takes the place of a killed one has its place, and those after it have theirs.
    """
    import optuna

    trial = study.ask()
    place = trial.user_attrs.get("place")
    if place is None:
        place = sum(1 for other in study.get_trials(deepcopy=False) if _counts_before(other, trial.number))
        trial.set_user_attr("place", place)
    seed = mix_seed(configuration.learner.seed, "tune", place) % 2**32
    study.sampler = optuna.samplers.TPESampler(n_startup_trials=tuning.startup, seed=seed)
    return trial


def _counts_before(other: optuna.trial.FrozenTrial, number: int) -> bool:
    """Whether a trial has a place before that of this number: one that was killed and done again has none."""
    return other.number < number and not was_killed(other)


def was_killed(trial: optuna.trial.FrozenTrial) -> bool:
    """Whether the process of a trial ended before the trial did: it does not count, and is done again."""
    return trial.state.name == "FAIL" and "reason" not in trial.user_attrs


def _digest(configuration: Configuration) -> str:
    """Name all that scores depend on: neither the number of trials nor where the data lies."""
    config = configuration.config()
    for part in config.keys() & {"data", *GIVEN_PARTS}:
        config[part] = each_path(config[part], lambda path: Path(path).name)
    config["tune"] = {key: value for key, value in config["tune"].items() if key != "trials"}
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:16]


def fail_abandoned(study: optuna.Study, leases: Leases) -> None:
    """Mark the trials of processes that are gone as failed, and let their values be tried again."""
    from optuna.trial import TrialState

    alive = set(leases.owners())
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        lease = trial.user_attrs.get("lease")
        begun = trial.datetime_start
        if lease in alive or (lease is None and begun is not None and datetime.now() - begun < _MOMENT):
            continue
        try:
            study.tell(trial.number, state=TrialState.FAIL)
        except ValueError:
            continue  # its process, or another that found it, was faster
        # Without its values: drawn again from its place they come out the same, and so do the others.
        place = trial.user_attrs.get("place")
        attributes = {"again": trial.number} | ({} if place is None else {"place": place})
        study.enqueue_trial({}, user_attrs=attributes)
