"""A multi-task network as a peer."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from cotrain._base import mix_seed
from cotrain.balancing import Balancer
from cotrain.cotraining._beliefs import Belief, belief_of_output
from cotrain.cotraining._store import Store
from cotrain.cotraining._view import View
from cotrain.cotraining.peers._base import Fitted, Peer
from cotrain.cotraining.peers._exposure import bootstrapped, repeated, with_updates
from cotrain.networks import MultiTaskModel
from cotrain.tasks import Task
from cotrain.training import Examples, Fit, FitResult, Training, outputs_of

#: Makes a fresh network for these tasks, with initial weights that the name chooses.
Build = Callable[[str, Sequence[Task]], MultiTaskModel]


@final
class NetworkPeer(Peer):
    """A network for one, several or all tasks that sees all inputs or a view of them.

    Every fit starts from the same initial weights and takes the same number of optimiser steps, so that a
    round's gain comes from its labels and from nothing else.

    Args:
        name: see `Peer`.
        tasks: see `Peer`.
        build: makes its network.
        balancer: how its tasks' losses are weighed; copied for each fit.
        settings: how it is fitted; the epochs are those of the supervised start.
        seed: of the run.
        view: what it sees; `None`: everything.
        bootstrap: whether it learns from a bootstrap sample of the true labels.
        updates: optimiser steps of each fit, ≥ 1; `None`: as many as `settings.epochs` passes over the
            rows with a true label.
        true_per_batch: rows with a true label in a batch, on average and at least, ≥ 0.
    """

    def __init__(
        self,
        name: str,
        tasks: Sequence[Task],
        build: Build,
        balancer: Balancer,
        settings: Training,
        *,
        seed: int = 0,
        view: View | None = None,
        bootstrap: bool = False,
        updates: int | None = None,
        true_per_batch: int = 16,
    ) -> None:
        super().__init__(name, tasks)
        self.build = build
        self.balancer = balancer
        self.settings = settings
        self.seed = seed
        self.view = view
        self.bootstrap = bootstrap
        self.updates = updates
        self.true_per_batch = true_per_batch
        self._n_true = 0

    def fit(
        self,
        examples: Examples,
        validation: Examples | None,
        key: str,
        store: Store,
        true: Tensor | None = None,
    ) -> Fitted:
        """Fit a fresh network to the rows that have a label."""
        own = [task.name for task in self.tasks]
        examples = _only(examples, own)
        if self.bootstrap:
            examples = bootstrapped(examples, self.seed, self.name)
        labelled = examples.labelled().any(dim=1)
        true = labelled if true is None else true & labelled
        rows = torch.nonzero(labelled).flatten()
        shown = self._shown(examples.take(rows))
        shown = repeated(shown, true[rows], self.settings.batch_size, self.true_per_batch)
        updates = self.updates or self.settings.epochs * max(
            1, -(-int(true.sum()) // self.settings.batch_size)
        )
        settings = with_updates(self.settings, len(shown), updates)
        checked = None if validation is None else self._shown(_only(validation, own))
        model = self.build(self.name, self.tasks)
        for task, head in zip(self.tasks, model.heads, strict=True):
            task.start_head(head, shown.targets[task.name], shown.masks[task.name])

        def make(checkpoint: Path | None) -> Fit:
            return Fit(
                model,
                self.tasks,
                copy.deepcopy(self.balancer),
                settings,
                shown,
                checked,
                seed=mix_seed(self.seed, self.name),
                checkpoint=checkpoint,
            )

        result = store.fit(key, make)
        steps = len(result.history) * max(1, -(-len(shown) // self.settings.batch_size))
        return FittedNetwork(self.tasks, model, result, self.view, steps)

    def _shown(self, examples: Examples) -> Examples:
        if self.view is None:
            return examples
        return Examples(self.view(examples.inputs), examples.targets, examples.masks)


@final
class FittedNetwork(Fitted):
    """A network with the weights that a fit chose, for each task those of its epoch."""

    def __init__(
        self, tasks: Sequence[Task], model: MultiTaskModel, result: FitResult, view: View | None, updates: int
    ) -> None:
        self.tasks = list(tasks)
        self.model = model
        self.result = result
        self.view = view
        self.updates = updates

    def beliefs(self, inputs: Mapping[str, Tensor]) -> dict[str, Belief]:
        """Return what the network's outputs say."""
        shown = dict(inputs) if self.view is None else self.view(inputs)
        found: dict[str, Belief] = {}
        for number, weights in enumerate(self.result.weights):
            self.model.load_state_dict(weights)
            outputs = outputs_of(self.model, shown)
            found |= {
                task.name: belief_of_output(task, outputs[task.name])
                for task in self.tasks
                if self.result.weights_of[task.name] == number
            }
        return found


def _only(examples: Examples, tasks: Sequence[str]) -> Examples:
    return Examples(
        examples.inputs,
        {name: examples.targets[name] for name in tasks},
        {name: examples.masks[name] for name in tasks},
    )
