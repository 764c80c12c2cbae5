"""A short training that shows whether the tasks' gradients agree on what is shared."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

import numpy as np
import polars as pl
import torch

from cotrain._base import mix_seed, numpy_generator
from cotrain.data import Batches
from cotrain.evaluation import holm
from cotrain.gradients import Balance, Monitor
from cotrain.learner._learner import Learner
from cotrain.learner._preprocessing import Preprocessor

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
        cosine: mean cosine of their gradients on the shared parameters, in [-1, 1].
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
        monitor = Monitor(every)
        balancer = copy.deepcopy(learner.balancer)
        references = [t.reference_loss(examples.targets[t.name], examples.masks[t.name]) for t in tasks]
        balancer.start(len(tasks), reference_losses=references)
        names = [task.name for task in tasks]
        budget = learner.training.budget(len(examples), examples.inputs)
        batches = Batches(examples.parts(), batch_size=budget.batch_size, seed=learner.seed)
        # Gradients of a network that knows its rows by heart say little.
        steps = min(steps, 10 * len(batches))
        balance = Balance(balancer, model.shared_parameters(), tasks=names, model=model, monitor=monitor)
        optimizer = torch.optim.AdamW(model.parameters(), lr=budget.learning_rate)
        endless = itertools.chain.from_iterable(batches.epoch(epoch) for epoch in itertools.count())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix_seed(learner.seed, "probe"))
            for batch in itertools.islice(endless, steps):
                outputs = model(batch["inputs"])
                losses = {
                    task.name: task.loss(outputs[task.name], batch["targets"][task.name], mask)
                    for task in tasks
                    if (mask := batch["masks"][task.name]).any()
                }
                balance.backward(losses)
                optimizer.step()
                optimizer.zero_grad()
        return cls(steps, len(examples), _pairs(names, monitor))

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


def _pairs(names: Sequence[str], monitor: Monitor) -> list[Pair]:
    """Return the mean cosine of every pair, and its standard error."""
    seen = np.array([record["cosines"] for record in monitor.records])  # [records, K, K]
    seen = seen[int(_IGNORED * len(seen)) :]
    pairs: list[Pair] = []
    for i, j in itertools.combinations(range(len(names)), 2):
        cosines = seen[:, i, j][np.isfinite(seen[:, i, j])]
        if len(cosines) > 1:
            error = float(cosines.std(ddof=1)) / math.sqrt(len(cosines))
            pairs.append(Pair(names[i], names[j], float(cosines.mean()), error, records=len(cosines)))
    return pairs
