"""A short training that shows whether the tasks' gradients agree on what is shared."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import mix_seed, numpy_generator
from cotrain.data import Batches
from cotrain.evaluation import holm
from cotrain.gradients import Balance, gramian
from cotrain.learner._learner import Learner
from cotrain.learner._preprocessing import Preprocessor
from cotrain.networks import MultiTaskNetwork
from cotrain.tasks import Task

#: Rows at most: enough to see gradients of half-empty tasks, few enough for seconds.
ROWS = 8000
#: Chance of one pair or more that is called opposed and is not. Looks are steps of one training and hang
#: together, so that less is asked of chance than the usual .05.
ALPHA = 0.005
#: The first gradients come from random weights and say little.
_IGNORED = 0.2


@final
@dataclass(frozen=True)
class Pair:
    """How the gradients of two tasks lie to each other.

    Args:
        first: a task.
        second: another one.
        cosine: mean cosine of their gradients on the shared parameters, each of other rows, in [-1, 1].
        error: standard error of that mean.
        records: looks that the mean is of, ≥ 2.
    """

    first: str
    second: str
    cosine: float
    error: float
    records: int = 32


@final
@dataclass(frozen=True)
class GradientProbe:
    """What was seen.

    Args:
        steps: number of training steps.
        rows: number of rows they saw.
        pairs: the pairs of tasks that had labels in the same batches.
    """

    steps: int
    rows: int
    pairs: list[Pair]

    @classmethod
    def of(
        cls,
        learner: Learner,
        frame: pl.DataFrame,
        *,
        left_out: Sequence[str] = (),
        rows: int = ROWS,
        steps: int = 200,
        every: int = 5,
    ) -> Self:
        """Train a copy of the learner's network for some steps, and look at its gradients.

        Of two tasks the gradients of different rows are compared: one half A of a batch for the one, the
        other half B for the other, and the other way round,

            cosine = (cos(∇Lᵢ(A), ∇Lⱼ(B)) + cos(∇Lᵢ(B), ∇Lⱼ(A))) / 2.

        On the same rows, noise that two targets have in common makes their gradients point along or against
        each other for as long as their heads do by chance: of 32 tables whose targets are such noise alone 13
        had tasks that looked opposed.

        Args:
            learner: not changed.
            frame: training rows.
            left_out: columns that are neither inputs nor targets.
            rows: rows of a random sample, ≥ 1.
            steps: training steps at most, ≥ 1; no more than ten passes over the rows.
            every: steps between two looks, ≥ 1.

        Raises:
            DataError: the rows cannot be learned from.
        """
        chosen = numpy_generator(learner.seed, "probe").permutation(frame.height)[:rows]
        sample = frame[np.sort(chosen)]
        tasks = copy.deepcopy(learner.tasks)
        preprocessor, examples = Preprocessor.fit(
            sample,
            tasks,
            learner.columns,
            left_out,
            missing=learner.missing,
            coding=learner.architecture.coding,
        )
        labelled = examples.labelled()
        examples = examples.take(torch.nonzero(labelled.any(dim=1)).flatten())
        model = learner.architecture.build(preprocessor)
        looks: list[np.ndarray] = []
        balancer = copy.deepcopy(learner.balancer)
        references = [t.reference_loss(examples.targets[t.name], examples.masks[t.name]) for t in tasks]
        balancer.start(len(tasks), reference_losses=references)
        names = [task.name for task in tasks]
        budget = learner.training.budget(len(examples), examples.inputs)
        batches = Batches(examples.parts(), batch_size=budget.batch_size, seed=learner.seed)
        # Gradients of a network that knows its rows by heart say little.
        steps = min(steps, 10 * len(batches))
        balance = Balance(balancer, model.shared_parameters(), tasks=names, model=model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=budget.learning_rate)
        endless = itertools.chain.from_iterable(batches.epoch(epoch) for epoch in itertools.count())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix_seed(learner.seed, "probe"))
            for step, batch in enumerate(itertools.islice(endless, steps)):
                if step % every == 0:
                    looks.append(_look(model, tasks, batch))
                outputs = model(batch["inputs"])
                losses = {
                    task.name: task.loss(outputs[task.name], batch["targets"][task.name], mask)
                    for task in tasks
                    if (mask := batch["masks"][task.name]).any()
                }
                balance.backward(losses)
                optimizer.step()
                optimizer.zero_grad()
        return cls(steps, len(examples), _pairs(names, looks))

    def opposed(self) -> list[Pair]:
        """Return the pairs whose gradients clearly point against each other, the worst first.

        Clearly: a mean cosine of at most -0.1 that is below 0 by more than chance, which of thousands of
        pairs makes some look opposed: the p-values of all pairs are corrected by Holm's method.
        """
        p_values = holm([_p_value(pair) for pair in self.pairs])
        found = zip(self.pairs, p_values, strict=True)
        against = [pair for pair, p_value in found if pair.cosine <= -0.1 and p_value < ALPHA]
        return sorted(against, key=lambda pair: pair.cosine)


def _p_value(pair: Pair) -> float:
    """Return the chance of such a mean cosine or a lower one where the true one is 0: Student's t."""
    from scipy.special import stdtr

    if pair.error <= 0:
        return 0.0 if pair.cosine < 0 else 1.0
    return float(stdtr(max(1, pair.records - 1), pair.cosine / pair.error))


def _look(model: MultiTaskNetwork, tasks: Sequence[Task], batch: Mapping[str, Any]) -> np.ndarray:
    """Return the cosines [K, K] of the tasks' gradients of different rows; NaN where there is none."""
    outputs = model(batch["inputs"])
    losses: dict[tuple[int, int], Tensor] = {}
    for half in range(2):
        for k, task in enumerate(tasks):
            mask = batch["masks"][task.name]
            kept = torch.arange(len(mask), device=mask.device) % 2 == half
            mask = mask * kept.view(-1, *[1] * (mask.dim() - 1))
            if mask.any():
                losses[half, k] = task.loss(outputs[task.name], batch["targets"][task.name], mask)
    found = np.full((2 * len(tasks), 2 * len(tasks)), np.nan)
    if losses:
        places = np.array([half * len(tasks) + k for half, k in losses])
        gramian_LL = gramian(list(losses.values()), model.shared_parameters()).double().cpu().numpy()
        norms_L = np.sqrt(np.diagonal(gramian_LL))
        with np.errstate(divide="ignore", invalid="ignore"):
            found[np.ix_(places, places)] = np.clip(gramian_LL / np.outer(norms_L, norms_L), -1.0, 1.0)
    across = found[: len(tasks), len(tasks) :]
    return (across + across.T) / 2


def _pairs(names: Sequence[str], looks: Sequence[np.ndarray]) -> list[Pair]:
    """Return the mean cosine of every pair, and its standard error."""
    seen = np.array(looks)[int(_IGNORED * len(looks)) :]
    pairs: list[Pair] = []
    for i, j in itertools.combinations(range(len(names)), 2):
        cosines = seen[:, i, j][np.isfinite(seen[:, i, j])]
        if len(cosines) > 1:
            error = float(cosines.std(ddof=1)) / math.sqrt(len(cosines))
            pairs.append(Pair(names[i], names[j], float(cosines.mean()), error, records=len(cosines)))
    return pairs
