"""Who answers for each task at each seed, chosen on the validation rows, and what that gives on test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cotrain.comparison._checked_files import read_arrays, read_record, write_arrays, write_record
from cotrain.comparison._network_jobs import load_network
from cotrain.comparison._tree_jobs import VALIDATION_SCORES
from cotrain.configuration import construct_class
from cotrain.data import Split, TypedTable
from cotrain.evaluation._padded_scores import scores_of
from cotrain.learner import Learner, Preprocessor
from cotrain.learner._answer_choice import ALONE, JOINT, TREES, Answer, HeldLabels, blended
from cotrain.learner._contenders import can_have_trees, choose_for, codes_alike, why_joint
from cotrain.tasks import Task


def choose_answers(
    parts: str,
    output: str,
    models: Sequence[Mapping[str, Mapping[str, str]]],
    *,
    trees: Mapping[str, str],
    split: Mapping[str, Any] | None = None,
    trusted: Sequence[str] = (),
) -> None:
    """Choose for each seed and task, on the validation rows alone, as a fit with `answer: auto` does.

    The file gets "seeds": for each of them task -> "answer", and "temperature" of the trees, if any.

    Args:
        parts: folder with validation.parquet.
        output: file to write.
        models: for every seed: "joint" and "alone" -> task -> folder of the network.
        trees: task -> folder of the cell of its trees, which are those of one seed.
        split: arguments of the `Split`, which says whether rows belong together.
        trusted: see `score_networks`.
    """
    validation = TypedTable.read(Path(parts) / "validation.parquet")
    tied = Split(**(split or {})).dependence(validation.frame)
    said = {task: read_arrays(Path(cell) / VALIDATION_SCORES)["scores"] for task, cell in trees.items()}
    seeds = [_chosen(of_seed, said, validation, tied=tied, trusted=set(trusted)) for of_seed in models]
    write_record(Path(output), {"seeds": seeds})


def _chosen(
    models: Mapping[str, Mapping[str, str]],
    trees: Mapping[str, np.ndarray],
    validation: TypedTable,
    *,
    tied: Mapping[str, np.ndarray],
    trusted: set[str],
) -> dict[str, dict[str, Any]]:
    """Return task -> who answers at one seed."""
    (folder,) = set(models[JOINT].values())
    learner = load_network(Path(folder), trusted)
    held = learner.preprocessor.examples(validation)
    joint = learner.fitted.joint_outputs(held.inputs)
    found: dict[str, dict[str, Any]] = {}
    for task in learner.preprocessor.tasks:
        name = task.name
        labels = HeldLabels(task, held.targets[name], held.masks[name], tied)
        reason = why_joint(learner, labels, joint[name])
        others: dict[str, Any] = {}
        single = load_network(Path(models[ALONE][name]), trusted) if not reason else None
        if single is not None and len(learner.tasks) > 1 and codes_alike(single, task):
            inputs = single.preprocessor.examples(validation).inputs
            others[ALONE] = single.fitted.joint_outputs(inputs)[name]
        if not reason and name in trees and can_have_trees(task):
            others[TREES] = task.output_of_scores(torch.from_numpy(trees[name]))
        choice = choose_for(labels, reason, joint[name], others)
        found[name] = {"answer": choice.answer.to_json(), "temperature": choice.temperature}
    return found


def score_answers(
    parts: str,
    output: str,
    config: Mapping[str, Any],
    left_out: Sequence[str],
    *,
    choices: str,
    scores: Mapping[str, str],
) -> None:
    """Keep what was chosen says of the test rows, from the scores that its members are kept with.

    Args:
        parts: folder with train.parquet, which the tasks are coded by.
        output: file to write: arrays "seed/task", both by number.
        config: of the learner.
        left_out: columns that are neither inputs nor targets.
        choices: file that `choose_answers` wrote.
        scores: "joint", "alone" and, if there are any, "trees" -> file with their scores on the test rows.
    """
    learner = construct_class(Learner, config, "")
    preprocessor, _ = Preprocessor.fit(
        TypedTable.read(Path(parts) / "train.parquet"), learner.tasks, learner.columns, left_out
    )
    kept = {member: read_arrays(Path(path)) for member, path in scores.items()}
    arrays: dict[str, np.ndarray] = {}
    for seed, of_task in enumerate(read_record(Path(choices))["seeds"]):
        for number, task in enumerate(preprocessor.tasks):
            chosen = of_task[task.name]
            answer = Answer.from_json(chosen["answer"])
            members = {}
            for member in answer.weights:
                # Trees have one seed, since they hardly depend on it.
                own = kept[member][f"{0 if member == TREES else seed}/{number}"]
                members[member] = own if member != TREES else _tempered(task, own, chosen["temperature"])
            arrays[f"{seed}/{number}"] = _answered(task, members, answer.weights)
    write_arrays(Path(output), arrays)


def _tempered(task: Task, scores: np.ndarray, temperature: float | None) -> np.ndarray:
    """Return the scores of outputs that are divided by a temperature."""
    if temperature is None:
        return scores
    output = task.output_of_scores(torch.from_numpy(scores))
    assert output is not None
    return scores_of(task, output / temperature)


def _answered(task: Task, members: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    if len(members) == 1:
        return next(iter(members.values()))
    return scores_of(task, blended(task, members, weights))
