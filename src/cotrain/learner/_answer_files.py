"""Who answers, in a run folder: plain values, arrays, and a folder for each network that has a part."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from cotrain._base import CotrainError, RunError, write_atomically, write_text_atomically
from cotrain.evaluation import BoostedTrees
from cotrain.learner._answer_choice import ALONE, TREES, Answer
from cotrain.learner._answers import Answering, Answers
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._run_folder import ALONE_FOLDER, ANSWER_TREES, ANSWERS, MODEL
from cotrain.learner._run_manifest import MANIFEST, file_hash
from cotrain.learner._tree_reference import TreeInputs

#: Rises when the files can no longer be read by older code.
VERSION = 1
#: What reading plain values ends with that somebody has changed.
_DAMAGE = (TypeError, ValueError, AttributeError, LookupError, RecursionError, SafetensorError)


def write_answers(
    folder: Path, tasks: list[str], answers: Answers, save: Callable[[str, Any, Path], None]
) -> None:
    """Write who answers, and whatever they need that is not in the folder yet.

    Args:
        folder: of the run.
        tasks: names of all tasks, in order.
        answers: who answers for them.
        save: writes the model of a single task to a folder, where a fit has not done so.
    """
    manifests = {}
    for name, model in answers.alone.items():
        place = folder / ALONE_FOLDER / str(tasks.index(name))
        if not (place / MODEL).is_file():
            save(name, model, place)
        manifests[name] = file_hash(place / MANIFEST)
    (folder / ANSWER_TREES).unlink(missing_ok=True)
    if answers.tree_inputs is not None:
        arrays = _named("inputs.", answers.tree_inputs.arrays())
        for name, trees in answers.trees.items():
            arrays |= _named(f"task.{tasks.index(name)}.", trees.arrays())
        # An order of its own, so that equal trees are equal files.
        ordered = {name: arrays[name] for name in sorted(arrays)}
        write_atomically(folder / ANSWER_TREES, lambda temporary: save_file(ordered, temporary))
    values = {
        "version": VERSION,
        "tasks": {name: answer.to_json() for name, answer in answers.of_task.items()},
        "alone": manifests,
        "temperatures": dict(answers.temperatures),
    }
    write_text_atomically(folder / ANSWERS, json.dumps(values, ensure_ascii=False, indent=1) + "\n")


def read_answers(folder: Path, preprocessor: Preprocessor, load: Callable[[Path], Answering]) -> Answers:
    """Read what `write_answers` wrote; nothing is unpickled.

    Args:
        folder: of the run, verified.
        preprocessor: of the joint network.
        load: reads the fitted model of a folder.

    Raises:
        RunError: a file is absent, damaged or of another run.
    """
    path = folder / ANSWERS
    if not path.is_file():
        raise RunError(
            f"{folder} was interrupted before it was chosen who answers: go on with --resume (resume=True)."
        )
    names = [task.name for task in preprocessor.tasks]
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if int(values["version"]) > VERSION:
            raise RunError(f"{path} was written by a newer cotrain: upgrade cotrain.")
        of_task = {str(name): Answer.from_json(one) for name, one in values["tasks"].items()}
        if set(of_task) - set(names):
            raise ValueError(f"answers of {sorted(set(of_task) - set(names))}")
        temperatures = {str(name): _positive(value) for name, value in values["temperatures"].items()}
        alone = {}
        for name in (name for name, answer in of_task.items() if ALONE in answer.weights):
            place = folder / ALONE_FOLDER / str(names.index(name))
            if not (place / MANIFEST).is_file() or file_hash(place / MANIFEST) != values["alone"][name]:
                raise RunError(f"{place} is absent or of another run: restore it, or train again.")
            alone[name] = load(place)
        with_trees = [name for name, answer in of_task.items() if TREES in answer.weights]
        trees, inputs = _read_trees(folder, preprocessor, with_trees)
    except CotrainError:
        raise
    except _DAMAGE as error:
        raise RunError(f"{path} is damaged ({type(error).__name__}: {error}): train again.") from error
    return Answers(of_task, alone, trees, inputs, temperatures)


def _read_trees(
    folder: Path, preprocessor: Preprocessor, tasks: list[str]
) -> tuple[dict[str, BoostedTrees], TreeInputs | None]:
    """Return the trees of these tasks and what they are told; the file is not opened where there are none."""
    if not tasks:
        return {}, None
    path = folder / ANSWER_TREES
    if not path.is_file():
        raise RunError(f"{path} is missing: restore it, or train again.")
    names = [task.name for task in preprocessor.tasks]
    try:
        arrays = load_file(path)
        inputs = TreeInputs.from_arrays(preprocessor, _below("inputs.", arrays))
        trees = {
            name: BoostedTrees.from_arrays(_below(f"task.{names.index(name)}.", arrays)) for name in tasks
        }
    except _DAMAGE as error:
        raise RunError(f"{path} is damaged ({type(error).__name__}: {error}): train again.") from error
    return trees, inputs


def _named(beginning: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {beginning + name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _below(beginning: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n.removeprefix(beginning): array for n, array in arrays.items() if n.startswith(beginning)}


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError(f"a temperature of {value!r}")
    return number
