"""The networks and trees of a comparison, and the cells of its grid."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

from cotrain._base._ragged import Leaves
from cotrain.balancing import Equal
from cotrain.comparison._equal_sides import with_own_epochs
from cotrain.comparison._pooled import why_not_pooled
from cotrain.comparison._settings import FACTORS, ComparisonSettings
from cotrain.configuration import describe
from cotrain.cotraining._entries import require_entries
from cotrain.evaluation._trees import TREE_LIBRARIES
from cotrain.learner import Learner
from cotrain.learner._ensemble import require_ensemble
from cotrain.learner._single_task import single_task_learners, with_equal_steps

SINGLE_TASK, POOLED, TREES, ANSWER = "single_task", "pooled", "trees", "answer"
#: Counts what cells of trees have ever kept, so that none is taken that lacks some.
KEPT_OF_TREES = 2
#: Shrinkage of each tree, in the middle of what is tried.
TREE_LEARNING_RATE = 0.05

Fitted = Literal["network", "pooled", "trees"]


@final
@dataclass(frozen=True, eq=False)
class Method:
    """A way of training.

    Args:
        method: what it is called in results; the single-task networks of all tasks are one method.
        learner: unfitted, without a learning rate and seed of its own yet.
        tasks: what it predicts.
        fitted: what is fitted.
    """

    method: str
    learner: Learner
    tasks: tuple[str, ...]
    fitted: Fitted = "network"

    def cell(self, learning_rate: float, seed: int, data: str) -> Trial:
        """Return one fit of this contender."""
        learner = copy.deepcopy(self.learner)
        if self.fitted != "trees":
            learner.training.learning_rate = learning_rate
        learner.seed = seed
        config = learner.config()
        what = [] if self.fitted == "network" else [self.fitted, self.tasks, learning_rate]
        what += [KEPT_OF_TREES] if self.fitted == "trees" else []
        text = json.dumps([config, seed, data, *what], sort_keys=True, default=str)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Trial(
            key, self.method, self.tasks, learning_rate, seed=seed, config=config, fitted=self.fitted
        )

    @property
    def is_reference(self) -> bool:
        """Whether it stands beside the others only."""
        return self.method in (SINGLE_TASK, POOLED, TREES)

    @property
    def part(self) -> str:
        """The task that this is the whole network of; "" if it is one of all tasks."""
        return self.tasks[0] if self.method in (SINGLE_TASK, TREES) else ""


@final
@dataclass(frozen=True, eq=False)
class Trial:
    """One fit: its key names everything that it depends on, so that a kept cell is never a stale one."""

    key: str
    method: str
    tasks: tuple[str, ...]
    learning_rate: float
    seed: int
    config: dict[str, Any]
    fitted: Fitted = "network"

    @property
    def title(self) -> str:
        """What a person calls it."""
        of = f" of {self.tasks[0]}" if self.method in (SINGLE_TASK, TREES) else ""
        return f"{self.method}{of}, learning rate {self.learning_rate:g}, seed {self.seed}"


def methods_of(
    learner: Learner,
    settings: ComparisonSettings,
    labelled: Mapping[str, int] | None = None,
    n_rows: int = 0,
    *,
    inputs: Leaves | None = None,
) -> tuple[list[Method], list[str]]:
    """Return everything that competes, each once, and a sentence about each reference that cannot.

    Args:
        learner: of the configuration.
        settings: of the comparison.
        labelled: task -> its labelled training rows, by which all fits get the same number of steps; `None`:
            they get the same epochs.
        n_rows: training rows with any label.
        inputs: some of their inputs, see `with_equal_steps`.
    """
    learner = with_own_epochs(learner)
    # Who answers is asked of what competes here.
    learner.answer = None
    # Networks are the same whose trees ever stand beside them, and so are their cells.
    library, learner.trees = learner.trees, "scikit-learn"
    names = tuple(task.name for task in learner.tasks)
    found = _joint(learner, settings, names)
    notes: list[str] = []
    for task, single in single_task_learners(learner).items():
        single.balancer = Equal()
        if labelled is not None:
            single.training = with_equal_steps(single.training, labelled[task], n_rows, inputs)
        found.append(Method(SINGLE_TASK, single, (task,)))
    if "pooled" in settings.references:
        reason = why_not_pooled(learner.tasks, learner.ensemble)
        if reason is None:
            pooled = _plain(learner)
            if labelled is not None:
                pooled.training = with_equal_steps(pooled.training, sum(labelled.values()), n_rows, inputs)
            found.append(Method(POOLED, pooled, names, "pooled"))
        else:
            notes.append(reason)
    if learner.ensemble is not None and learner.ensemble > 1:
        notes.append(f"Every network is an ensemble: {learner.ensemble} of them, mean of their predictions.")
    if chosen := [t.name for t in learner.tasks if t.decision is not None and t.decision.is_chosen]:
        notes.append(f"Thresholds of {', '.join(chosen)} are chosen in a run; a comparison decides at 0.5.")
    if "trees" in settings.references:
        of_rows = [task.name for task in learner.tasks if task.reads == "vector"]
        with_library = _plain(learner)
        with_library.trees = library
        found += [Method(TREES, with_library, (task,), "trees") for task in of_rows]
        if library != "scikit-learn":
            notes.append(f"Boosted trees are those of {TREE_LIBRARIES[library].title}.")
        if left := [name for name in names if name not in of_rows]:
            notes.append(f"No boosted trees of {', '.join(left)}: trees answer once a row.")
    return found, notes


def _joint(learner: Learner, settings: ComparisonSettings, names: tuple[str, ...]) -> list[Method]:
    sharings = settings.sharing or [learner.sharing]
    balancers = settings.balancers or [learner.balancer]
    rounds = [learner.cotraining] if settings.cotraining is None else settings.cotraining
    if any(c is not None for c in rounds):
        require_entries(learner.tasks)
    for cotraining in rounds:
        require_ensemble(learner.ensemble, cotraining)
    grid = [(s, b, c) for s in sharings for b in balancers for c in rounds]
    if "equal" in settings.references:
        grid.append((sharings[0], Equal(), None))
    found: dict[str, Method] = {}
    labels: dict[str, int] = {}
    for sharing, balancer, cotraining in grid:
        description = json.dumps([describe(part) for part in (sharing, balancer, cotraining)], sort_keys=True)
        if description in found:
            continue
        name = f"{type(sharing).__name__} + {type(balancer).__name__}"
        if cotraining is not None:
            strategy = cotraining.strategy
            name += f" + {strategy if isinstance(strategy, str) else type(strategy).__name__}"
        labels[name] = labels.get(name, 0) + 1
        joint = copy.deepcopy(learner)
        joint.sharing, joint.balancer = copy.deepcopy(sharing), copy.deepcopy(balancer)
        joint.cotraining = copy.deepcopy(cotraining)
        method = name if labels[name] == 1 else f"{name} ({labels[name]})"
        found[description] = Method(method, joint, names)
    return list(found.values())


def _plain(learner: Learner) -> Learner:
    """Return a copy without what pooled networks and trees do not look at."""
    plain = copy.deepcopy(learner)
    plain.sharing, plain.balancer = single_task_learners(learner)[learner.tasks[0].name].sharing, Equal()
    plain.cotraining, plain.output_space = None, None
    return plain


def learning_rates(
    learner: Learner, settings: ComparisonSettings, inputs: Leaves | None = None
) -> list[float]:
    """Return the learning rates that every network tries.

    Args:
        learner: of the joint fit.
        settings: of the comparison.
        inputs: of some rows, by which a rate that the user left open goes.
    """
    usual = learner.training.budget(1, inputs).learning_rate
    return settings.learning_rates or [usual * factor for factor in FACTORS]


def tree_learning_rates(n_rates: int) -> list[float]:
    """Return as many learning rates for trees, each twice the one before, around the usual one.

    Example:
        >>> [tree_learning_rates(n) for n in (1, 3)]
        [[0.05], [0.025, 0.05, 0.1]]
    """
    return [TREE_LEARNING_RATE * 2.0 ** (i - (n_rates - 1) // 2) for i in range(n_rates)]
