"""What a search has found, as plain data and as files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cotrain._base import strict_json, write_text_atomically
from cotrain.learner import Configuration
from cotrain.tuning._front import front_svg
from cotrain.tuning._search_space import SearchDimension
from cotrain.tuning._trials import counted
from cotrain.tuning._tuning import Tuning

if TYPE_CHECKING:
    import optuna

TUNED = "tuned.json"


def record(trial: Any, fields: Sequence[SearchDimension]) -> dict[str, Any]:
    """Return a trial as plain values."""
    gains = trial.user_attrs.get("gains", {})
    known = [gain for gain in gains.values() if gain == gain]
    shown = {field.key: field.shown(trial.params[field.key]) for field in fields if field.key in trial.params}
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "score": sum(known) / len(known) if known else None,
        "gains": gains,
        "values": shown,
        "epochs": None if not trial.intermediate_values else max(trial.intermediate_values) + 1,
        "seconds": None if trial.duration is None else round(trial.duration.total_seconds(), 1),
        "failed": trial.user_attrs.get("reason"),
    }


def results_of(study: optuna.Study, tuning: Tuning, fields: Sequence[SearchDimension]) -> dict[str, Any]:
    """Return all trials, the best of them, and the tasks that no trial could be judged by.

    A mean over fewer tasks than others have is no match for theirs: such a trial is not the best.
    """
    trials = [record(trial, fields) for trial in counted(study)]
    done = [trial for trial in trials if trial["state"] == "complete"]
    judged = [{task for task, gain in trial["gains"].items() if gain == gain} for trial in done]
    every = set().union(*judged)
    whole = [trial for trial, tasks in zip(done, judged, strict=True) if tasks == every]
    best = max(whole or done, key=lambda trial: trial["score"], default=None)
    front: list[int] = []
    if tuning.objectives == "per_task" and done:
        front = sorted(trial.number for trial in study.best_trials)
    return {
        "kind": "tuning",
        "objectives": tuning.objectives,
        "best": None if best is None else best["number"],
        "front": front,
        "left_out": [task for task in (done[0]["gains"] if done else ()) if task not in every],
        "trials": trials,
    }


def write_files(
    folder: Path,
    configuration: Configuration,
    tuning: Tuning,
    fields: Sequence[SearchDimension],
    *,
    study: optuna.Study,
    results: Mapping[str, Any],
) -> None:
    """Write the results, and a configuration for the best trial and for each of the front.

    `folder`/config.yaml is that of the best trial, so that `cotrain train FOLDER` trains with it.
    """
    write_text_atomically(folder / TUNED, strict_json(results, indent=1) + "\n")
    trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}

    def write(number: int, path: Path) -> None:
        params = trials[number].params
        values = {f.key: json.loads(params[f.key]) if f.choices else params[f.key] for f in fields}
        chosen = tuning.configuration_with(configuration, values)
        chosen.tune = {}
        config = yaml.safe_dump(chosen.config(), sort_keys=False, allow_unicode=True)
        write_text_atomically(path, f"# Trial {number} of a search by cotrain tune.\n{config}")

    if results["best"] is not None:
        write(results["best"], folder / "config.yaml")
    for number in results["front"]:
        write(number, folder / "front" / f"{number}.yaml")
    if results["front"]:
        write_text_atomically(folder / "front.svg", front_svg(results))
