"""Networks for single tasks and boosted trees, fitted beside a joint network, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from cotrain._base._lazy import Lazy
from cotrain._base._ragged import labelled_rows
from cotrain.learner._answer_choice import ALONE, JOINT, TREES, Answer, HeldLabels, choose_answer
from cotrain.learner._answers import Answers, answered, tree_outputs
from cotrain.learner._ensemble import networks
from cotrain.learner._fitted_model import FittedModel
from cotrain.learner._fitting import FitOptions, Fitting
from cotrain.learner._run_folder import ALONE_FOLDER
from cotrain.learner._single_task import TaskLearner, single_task_learners, with_equal_steps
from cotrain.learner._temperatures import best_temperature
from cotrain.learner._tree_reference import TreeReference
from cotrain.tasks import Task
from cotrain.training._time_plan import seconds_of

#: Fits a learner to training rows and validation rows, and returns it.
Fit = Callable[[Any, object, object, FitOptions], Any]


@final
@dataclass(frozen=True, eq=False)
class Contenders:
    """Whoever was fitted to answer beside the joint network.

    Args:
        singles: task -> a fitted learner of this task alone.
        trees: fitted to tasks; `None`: there are none.
    """

    singles: Mapping[str, Any] = field(default_factory=dict)
    trees: TreeReference | None = None


def fit_contenders(
    learner: TaskLearner, fitting: Fitting, model: FittedModel, options: FitOptions, *, fit: Fit
) -> tuple[FittedModel, Contenders]:
    """Fit whoever may answer beside the joint network, and let the validation rows choose.

    A task without enough validation labels to choose by is the joint network's, and nothing is fitted for it;
    so are tasks whose outputs follow from one another.

    Args:
        learner: of the joint network.
        fitting: of the joint network.
        model: what came of it, calibrated.
        options: of the joint fit; in its run folder every single network gets a folder of its own.
        fit: fits a learner.

    Returns:
        the model, with its answers and what they say of confidence; and whoever was fitted.
    """
    held, tasks = fitting.held, {task.name: task for task in fitting.preprocessor.tasks}
    if held is None:
        why = "there are no validation rows to choose by"
        return model.with_answers(Answers({name: Answer(reason=why) for name in tasks})), Contenders()
    joint = model.joint_outputs(held.inputs)
    labels = {
        name: HeldLabels(task, held.targets[name], held.masks[name], options.dependence)
        for name, task in tasks.items()
    }
    reasons = {name: why_joint(learner, labels[name], joint[name]) for name in tasks}
    open_ = [name for name, reason in reasons.items() if not reason]
    singles = _fit_singles(learner, fitting, open_, options, fit=fit) if len(tasks) > 1 else {}
    trees = _fit_trees(learner, fitting, [tasks[name] for name in open_], options)
    chosen: dict[str, Answer] = {}
    temperatures: dict[str, float] = {}
    outputs: dict[str, Any] = dict(joint)
    rows = None if trees is None else trees.inputs.rows(fitting.held_table)
    for name, task in tasks.items():
        others: dict[str, Any] = {}
        if not reasons[name]:
            if name in singles and codes_alike(singles[name], task):
                others[ALONE] = singles[name].fitted.outputs(fitting.held_table, figures=True)[name]
            if trees is not None and rows is not None and can_have_trees(task):
                others[TREES] = tree_outputs(task, trees.fit(task), rows)
        choice = choose_for(labels[name], reasons[name], joint[name], others)
        chosen[name] = choice.answer
        if choice.temperature is not None:
            temperatures[name] = choice.temperature
        if not reasons[name]:
            outputs[name] = answered(task, choice.answer, choice.outputs)
            _tell(options, f"{name}: {choice.answer.title} answers ({choice.answer.reason}).")
    members = {name: set(answer.weights) for name, answer in chosen.items()}
    with_trees = [name for name in tasks if TREES in members[name]]
    answers = Answers(
        chosen,
        {name: singles[name].fitted for name in tasks if ALONE in members[name]},
        {name: trees.fit(tasks[name]) for name in with_trees} if trees is not None else {},
        trees.inputs if with_trees and trees is not None else None,
        {name: temperatures[name] for name in with_trees if name in temperatures},
    )
    calibration = None if learner.cotraining is None else learner.cotraining.calibration
    confidence = model.confidence.relearned(list(tasks.values()), outputs, held, calibration)
    for name in answers.others:
        if name in confidence.thresholds:
            _tell(options, confidence.thresholds[name].sentence)
    return model.with_answers(answers, confidence), Contenders(singles, trees)


@final
@dataclass(frozen=True, eq=False)
class ChosenAnswer:
    """Who answers for one task.

    Args:
        answer: what was chosen.
        temperature: what the outputs of trees were divided by; `None`: there are none, or they are numbers.
        outputs: of all who might answer, those of trees tempered.
    """

    answer: Answer
    temperature: float | None
    outputs: Mapping[str, Any]


def choose_for(labels: HeldLabels, reason: str, joint: Any, others: Mapping[str, Any]) -> ChosenAnswer:
    """Choose who answers for a task on the validation rows: in a fit, and in a comparison of fits.

    Args:
        labels: of the validation rows.
        reason: why there is no choice, see `why_joint`; "": there is one.
        joint: outputs of the joint network.
        others: outputs of "alone" and "trees", those that there are.
    """
    task, outputs = labels.task, {JOINT: joint, **others}
    if reason:
        n_labelled = int(labelled_rows(labels.mask).sum())
        answer = Answer(metric=task.chosen_metrics()[0].name, n_labelled=n_labelled, reason=reason)
        return ChosenAnswer(answer, None, outputs)
    temperature = tree_temperature(labels, others[TREES]) if TREES in others else None
    if temperature is not None:
        outputs[TREES] = others[TREES] / temperature
    return ChosenAnswer(choose_answer(labels, outputs, blend=can_have_trees(task)), temperature, outputs)


def codes_alike(single: Any, task: Task) -> bool:
    """Return whether a learner of a task alone has learned its coding: of other labels it has another."""
    return single.preprocessor.tasks[0].state_dict() == task.state_dict()


def can_have_trees(task: Task) -> bool:
    """Whether what is no network can answer for a task: once a row, and by its scores."""
    if task.reads != "vector":
        return False
    scores = task.scores(torch.zeros(1, task.n_outputs))
    output = task.output_of_scores(scores)
    return output is not None and output.shape == (1, task.n_outputs)


def tree_temperature(labels: HeldLabels, output: Tensor) -> float | None:
    """Return what trees' outputs [N, O] of a task with classes are divided by; `None` for numbers."""
    if not labels.task.has_classes:
        return None
    assert isinstance(labels.targets, Tensor)
    assert isinstance(labels.mask, Tensor)
    return best_temperature(labels.task, output, labels.targets, labels.mask)


def why_joint(learner: TaskLearner, labels: HeldLabels, output: Any) -> str:
    """Return why the joint network answers for a task without a choice; "" where there is one."""
    space, name = learner.output_space, labels.task.name
    read = {} if space is None else {task.name: space.reads(task.name) for task in learner.tasks}
    if name in {one for task, others in read.items() if others for one in (task, *others)}:
        return "its output and those of other tasks follow from one another"
    if not bool((labelled_rows(labels.mask)).any()):
        return "it has no validation label to choose by"
    too_few = labels.too_few(output)
    return f"too few to choose by: {too_few}" if too_few else ""


def _fit_singles(
    learner: TaskLearner, fitting: Fitting, names: list[str], options: FitOptions, *, fit: Fit
) -> dict[str, Any]:
    """Fit a network for each of these tasks alone, in as many steps as the joint one.

    Where time is limited each may take its share of what the joint fit and those before it have left.
    """
    singles: dict[str, Any] = {}
    limit = learner.training.time_limit
    left = None if limit is None else seconds_of(limit) - fitting.seconds
    n_joint = int(fitting.train.labelled().any(dim=1).sum())
    for number, (name, single) in enumerate(single_task_learners(learner).items()):
        if name not in names:
            continue
        what = networks(learner.ensemble, f"for {name} alone")
        _tell(options, f"answer: auto, {what} ({len(singles) + 1} of {len(names)}).")
        n_labelled = int(labelled_rows(fitting.train.masks[name]).sum())
        single.training = with_equal_steps(single.training, n_labelled, n_joint, fitting.train.inputs)
        own = FitOptions(
            run=None if options.run is None else Path(options.run) / ALONE_FOLDER / str(number),
            resume=options.resume and options.run is not None,
            overwrite=options.overwrite,
            progress=False,
            left_out=options.left_out,
            dependence=options.dependence,
            train_dependence=options.train_dependence,
            # One epoch is run in any case.
            time_limit=None if left is None else max(left / (len(names) - len(singles)), 0.01),
        )
        single.training.time_limit = None
        singles[name] = fit(single, fitting.train_table, fitting.held_table, own)
        result = singles[name].fitted_result
        left = None if left is None else left - (result.seconds or 0.0)
        if result.budget is not None and result.budget.epochs != single.training.epochs:
            _tell(
                options,
                f"{name} alone: {result.budget.epochs} of {single.training.epochs} epochs fit into its share "
                "of the time limit, so that it has taken fewer steps than the joint network.",
            )
    return singles


def _fit_trees(
    learner: TaskLearner, fitting: Fitting, tasks: list[Task], options: FitOptions
) -> TreeReference | None:
    """Return trees of the tasks that can have some; `None`: none can, or the inputs are not for trees."""
    preprocessor, able = fitting.preprocessor, [task for task in tasks if can_have_trees(task)]
    apart = any(task.prenet(1) is not None for task in preprocessor.tasks)
    files = any(isinstance(leaf, Lazy) for leaf in fitting.train.inputs.values())
    if not able or apart or files or preprocessor.spec.pictures:
        return None
    _tell(options, f"answer: auto, boosted trees for {', '.join(task.name for task in able)}.")
    trees = TreeReference(
        preprocessor,
        fitting.train_table,
        fitting.held_table,
        seed=learner.seed,
        library=learner.trees,
        fitted=options.trees(),
    )
    for task in able:
        trees.fit(task)
    return trees


def _tell(options: FitOptions, text: str) -> None:
    for logger in options.loggers:
        logger.message(text)
