"""Search for better values of what a configuration leaves open."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cotrain._base import ConfigError, RunError, write_text_atomically
from cotrain.configuration import construct_class
from cotrain.jobs._worker_process import require_guarded_main, worker_context
from cotrain.learner import Configuration, SplitTable
from cotrain.learner._configuration import require_no_time_limit
from cotrain.tuning._results import record, results_of, write_files
from cotrain.tuning._study import open_storage, open_study
from cotrain.tuning._trials import SEEN, counted, work, work_alone
from cotrain.tuning._tuning import Tuning

#: Gets a trial that has ended, as plain values, and how many are to be done in all.
SearchCallback = Callable[[Mapping[str, Any], int], None]


def tune(
    configuration: Configuration,
    folder: Path,
    *,
    workers: int = 1,
    storage: str | None = None,
    callback: SearchCallback | None = None,
) -> dict[str, Any]:
    """Search for better values of the fields that the `tune` section names, and return plain results.

    The search is Optuna's (tree-structured Parzen estimators; Akiba et al., "Optuna: A Next-generation
    Hyperparameter Optimization Framework", 2019, https://arxiv.org/abs/1907.10902). It looks at training and
    validation rows only; the test rows stay unread. Every trial is kept in a journal: a search that was
    stopped goes on where it was, several processes can work on it, here and on other machines, and the
    trials of a killed one are done again.

    Args:
        configuration: the configuration with its `tune` section.
        folder: gets the journal, tuned.json, config.yaml of the best trial, and for several objectives
            front.svg and front/NUMBER.yaml.
        workers: processes at a time, with one thread each.
        storage: "journal:PATH" or the URL of a database; default a journal in the folder.
        callback: is told of every trial that ends.

    Raises:
        ConfigError: the `tune` section is wrong, names a key that there is not, or has an objective for each
            task while one has no label among the validation rows.
        DataError: there are no validation rows.
        MissingExtraError: optuna is not installed.
        RunError: the folder holds another search, no trial has succeeded, or with several workers the script
            that calls this does so outside `if __name__ == "__main__":`.

    Example:
        `configuration` has `tune: {trials: 20, fields: {training.learning_rate: {low: 1e-4, high: 1e-2}}}`.

        >>> def trials_of(configuration: Configuration, folder: Path) -> int:
        ...     return len(tune(configuration, folder, workers=2)["trials"])
    """
    if workers > 1:
        require_guarded_main("tune()")
    require_no_time_limit(configuration, "a search")
    tuning = construct_class(Tuning, configuration.tune, "tune")
    fields = tuning.all_fields(configuration)
    split = SplitTable.of(configuration)
    split.require_rows("A search", "validation")
    without = [task for task, n_labelled in split.coverage.items() if not n_labelled["validation"]]
    if tuning.objectives == "per_task" and without:
        raise ConfigError(
            f"tune.objectives is per_task, and no validation row has a label of {', '.join(without)}: label "
            "some, give more rows to split.validation, or choose combined."
        )
    folder.mkdir(parents=True, exist_ok=True)
    study = open_study(
        open_storage(storage, folder), configuration, tuning, folder, data=split.fingerprint(*SEEN)
    )
    write_text_atomically(
        folder / "tune.yaml", yaml.safe_dump(configuration.config(), sort_keys=False, allow_unicode=True)
    )
    recorded: set[int] = set()

    def tell() -> None:
        for trial in counted(study):
            if trial.state.is_finished() and trial.number not in recorded:
                recorded.add(trial.number)
                if callback is not None:
                    callback(record(trial, fields), tuning.trials)

    tell()
    if workers == 1:
        work(configuration, folder, storage, tell)
    else:
        _work_together(configuration, folder, storage, workers, tell=tell)
    tell()
    results = results_of(study, tuning, fields)
    write_files(folder, configuration, tuning, fields, study=study, results=results)
    if results["best"] is None:
        reasons = {trial["failed"] for trial in results["trials"] if trial["failed"]}
        raise RunError(f"No trial has succeeded: {'; '.join(sorted(reasons)) or 'all were pruned'}.")
    return results


def _work_together(
    configuration: Configuration, folder: Path, storage: str | None, workers: int, *, tell: Callable[[], None]
) -> None:
    """Let several processes do trials. One that dies leaves its trial to be done again."""
    context, config = worker_context(), configuration.config()
    processes = [
        context.Process(target=work_alone, args=(config, str(folder), storage, dict(os.environ)))
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        while any(process.is_alive() for process in processes):
            tell()
            time.sleep(0.5)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    if any(process.exitcode for process in processes):
        # Whatever ended them, an error of one process alone or a kill: what is missing is done here, and an
        # error that is not by chance is raised again.
        work(configuration, folder, storage, tell)
