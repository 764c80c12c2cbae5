"""The networks of a contest, and the cells of its grid."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from typing import Any, final

from cotrain.balancing import Equal
from cotrain.comparison._contest import FACTORS, Contest
from cotrain.comparison._references import single_task_learners
from cotrain.learner import Learner, describe


@final
@dataclass(frozen=True, eq=False)
class Contender:
    """A way of training.

    Args:
        method: what it is called in results; the single-task networks of all tasks are one method.
        learner: unfitted, without a learning rate and seed of its own yet.
        tasks: what it predicts.
    """

    method: str
    learner: Learner
    tasks: tuple[str, ...]

    def cell(self, learning_rate: float, seed: int, data: str) -> Cell:
        """Return one fit of this contender."""
        learner = copy.deepcopy(self.learner)
        learner.training.learning_rate = learning_rate
        learner.seed = seed
        config = learner.config()
        text = json.dumps([config, seed, data], sort_keys=True, default=str)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        return Cell(key, self.method, self.tasks, learning_rate, seed, config)


@final
@dataclass(frozen=True, eq=False)
class Cell:
    """One fit: its key names everything that it depends on, so that a kept cell is never a stale one."""

    key: str
    method: str
    tasks: tuple[str, ...]
    learning_rate: float
    seed: int
    config: dict[str, Any]

    @property
    def title(self) -> str:
        """What a person calls it."""
        of = f" of {self.tasks[0]}" if self.method == SINGLE_TASK else ""
        return f"{self.method}{of}, learning rate {self.learning_rate:g}, seed {self.seed}"


SINGLE_TASK = "single_task"


def contenders(learner: Learner, contest: Contest) -> list[Contender]:
    """Return every network that competes, each once."""
    names = tuple(task.name for task in learner.tasks)
    sharings = contest.sharing or [learner.sharing]
    balancers = contest.balancers or [learner.balancer]
    pairs = [(sharing, balancer) for sharing in sharings for balancer in balancers]
    if "equal" in contest.references:
        pairs.append((sharings[0], Equal()))
    found: dict[str, Contender] = {}
    labels: dict[str, int] = {}
    for sharing, balancer in pairs:
        description = json.dumps([describe(sharing), describe(balancer)], sort_keys=True)
        if description in found:
            continue
        name = f"{type(sharing).__name__} + {type(balancer).__name__}"
        labels[name] = labels.get(name, 0) + 1
        method = name if labels[name] == 1 else f"{name} ({labels[name]})"
        joint = copy.deepcopy(learner)
        joint.sharing, joint.balancer = copy.deepcopy(sharing), copy.deepcopy(balancer)
        found[description] = Contender(method, joint, names)
    singles = single_task_learners(learner)
    for task, single in singles.items():
        single.balancer = Equal()
        found[f"single {task}"] = Contender(SINGLE_TASK, single, (task,))
    return list(found.values())


def learning_rates(learner: Learner, contest: Contest) -> list[float]:
    """Return the learning rates that every contender tries."""
    return contest.learning_rates or [learner.training.learning_rate * factor for factor in FACTORS]
