"""A multi-task network as a peer, before and after a fit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, final

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, mix_seed
from cotrain._base._ragged import Ragged
from cotrain.balancing import Balancer
from cotrain.cotraining._entries import as_float, with_room_for_things
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._predictions import Prediction, prediction_of_output
from cotrain.cotraining.peers._base import (
    FittedPeer,
    Online,
    OnlinePeer,
    bootstrapped,
    repeated_rows,
    with_updates,
)
from cotrain.cotraining.peers._online_network import OnlineNetwork
from cotrain.cotraining.views._augmentation import Noise
from cotrain.cotraining.views._view import View
from cotrain.data.sources import Mixing
from cotrain.networks import Encoder, MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples, Fit, FitResult, FrozenNetworks, Training
from cotrain.training._best_weights import Weights
from cotrain.training._budget import Budget
from cotrain.training._crossed_choice import half_of_rows
from cotrain.training._fit import Augment
from cotrain.training._predict import output_batches

#: Makes a fresh network for these tasks, with initial weights that the name chooses. A third argument, given
#: only where a strategy has encoders of its own, is the encoder to use.
Build = Callable[..., MultiTaskNetwork]


@final
class NetworkPeer(OnlinePeer):
    """A network for one, several or all tasks that sees all inputs or a view of them.

    Every fit starts from the same initial weights and takes the same number of optimiser steps, so that a
    round's gain comes from its labels and from nothing else.

    Args:
        name: see `Peer`.
        tasks: see `Peer`.
        learned: see `Peer`; in the order of the network's heads.
        build: makes its network.
        balancer: how its tasks' losses are weighed; copied for each fit.
        settings: how it is fitted; the epochs are those of the supervised start.
        seed: of the run.
        view: what it sees; `None`: everything.
        bootstrap: whether it learns from a bootstrap sample of the true labels; "bayesian": from all of them
            that are no numbers, with random weights.
        updates: optimiser steps of each fit, ≥ 1; `None`: as many as `settings.epochs` passes over the
            rows with a true label.
        true_per_batch: rows with a true label in a batch, on average and at least, ≥ 0.
        encoder: in the place of what `build` uses otherwise.
        mixing: see `Fit`.
        augment: see `Fit`.

    Example:
        >>> from cotrain.balancing import Equal
        >>> from cotrain.tasks import Binary
        >>> def build(name, tasks, encoder):
        ...     raise NotImplementedError("makes a MultiTaskNetwork")
        >>> peer = NetworkPeer("first", [Binary("sold")], build=build, balancer=Equal(), settings=Training())
        >>> peer.name
        'first'
    """

    def __init__(
        self,
        name: str,
        tasks: Sequence[Task],
        *,
        build: Build,
        balancer: Balancer,
        settings: Training,
        seed: int = 0,
        view: View | None = None,
        bootstrap: bool | Literal["bayesian"] = False,
        updates: int | None = None,
        true_per_batch: int = 16,
        encoder: Encoder | None = None,
        mixing: Mixing | None = None,
        augment: Augment | None = None,
        learned: Sequence[Task] | None = None,
    ) -> None:
        _require_hearing(name, tasks, view)
        # Networks that draw a bootstrap sample each have learned from different labels.
        kin = None if bootstrap else (tuple(task.name for task in tasks), id(view), id(encoder))
        super().__init__(name, tasks, kin, learned=learned)
        self.build = build
        self.balancer = balancer
        self.settings = settings
        self.seed = seed
        self.view = view
        self.bootstrap = bootstrap
        self.updates = updates
        self.true_per_batch = true_per_batch
        self.encoder = encoder
        self.mixing = mixing
        self.augment = augment

    def fit(
        self,
        examples: Examples,
        validation: Examples | None,
        key: str,
        cache: FitCache,
        *,
        true: Tensor | None = None,
    ) -> FittedPeer:
        """Fit a fresh network to the rows that have a label."""
        own = [task.name for task in self.learned]
        examples = _only(examples, own)
        if self.bootstrap:
            numbers = [task.name for task in self.learned if not task.has_classes]
            bayesian = self.bootstrap == "bayesian"
            examples = bootstrapped(examples, self.seed, self.name, numbers=numbers, bayesian=bayesian)
        labelled = examples.labelled().any(dim=1)
        true = labelled if true is None else true & labelled
        rows = torch.nonzero(labelled).flatten()
        everything = self._shown(examples)
        shown = everything.take(rows)
        fixed, updates = self._budget(examples, true)
        shown = shown.take(repeated_rows(true[rows], fixed.batch_size, self.true_per_batch))
        settings = with_updates(self.settings.fixed(fixed), len(shown), updates)
        checked = None if validation is None else self._shown(_only(validation, own))
        model = self.build(self.name, self.learned, *([] if self.encoder is None else [self.encoder]))
        if self.encoder is not None:
            shown = sayable(model, self.learned, shown)
        for task, head in zip(self.learned, model.heads, strict=True):
            task.start_head(head, shown.targets[task.name], shown.masks[task.name])

        def make(checkpoint: Path | None) -> Fit:
            return Fit(
                model,
                self.learned,
                copy.deepcopy(self.balancer),
                settings=settings,
                train=shown,
                validation=checked,
                seed=mix_seed(self.seed, self.name),
                checkpoint=checkpoint,
                augment=self.augment,
                mixing=self.mixing,
                crossed=True,
                unlabelled=everything.inputs,
            )

        result = cache.fit(key, make)
        steps = len(result.history) * max(1, -(-len(shown) // fixed.batch_size))
        return FittedNetwork(self.tasks, model, result, view=self.view, updates=steps)

    def begin(
        self, examples: Examples, start: FittedPeer, online: Online, *, n_rounds: int, true: Tensor
    ) -> OnlineNetwork:
        """Make a network that goes on from the start's weights, over all rows."""
        if not isinstance(start, FittedNetwork):
            raise InvalidArgumentError(f"Peer {self.name!r} goes on from a fitted network, got {start!r}.")
        examples = _only(examples, [task.name for task in self.learned])
        true = true & examples.labelled().any(dim=1)
        fixed, updates = self._budget(examples, true)
        rows = repeated_rows(true, fixed.batch_size, round(online.true_share * fixed.batch_size))
        settings = with_updates(self.settings.fixed(fixed), len(rows), updates)
        settings.epochs = settings.budget(len(rows)).epochs * n_rounds
        settings.select, settings.average = "last", online.average
        model = self.build(self.name, self.learned)
        model.load_state_dict(start.result.weights[0])
        shown = self._shown(with_room_for_things(self.learned, examples))
        fit = Fit(
            model,
            self.learned,
            copy.deepcopy(self.balancer),
            settings=settings,
            train=_with_weights(shown.take(rows)),
            validation=None,
            seed=mix_seed(self.seed, self.name, "online"),
            keep_all=True,
            augment=_noisy(Noise(online.gaussian, online.swap, shown.inputs, online.text), self.augment),
            mixing=self.mixing,
        )

        def fitted(weights: Weights, steps: int) -> FittedNetwork:
            result = FitResult(
                weights=[weights],
                weights_of={task.name: 0 for task in self.learned},
                best_epoch={},
                history=[],
                skipped={},
            )
            network = self.build(self.name, self.learned)
            return FittedNetwork(self.tasks, network, result, view=self.view, updates=steps)

        return OnlineNetwork(
            self.tasks,
            fit,
            rows,
            view=self.view,
            before=start.updates,
            fitted=fitted,
            learned=self.learned,
        )

    def _budget(self, examples: Examples, true: Tensor) -> tuple[Budget, int]:
        """Return the budget that the rows with a true label have, and its steps."""
        n_true = int(true.sum())
        found = self.settings.budget(n_true, examples.inputs, n_tasks=len(self.learned))
        return found, self.updates or found.epochs * max(1, -(-n_true // found.batch_size))

    def _shown(self, examples: Examples) -> Examples:
        if self.view is None:
            return examples
        return replace(examples, inputs=self.view(examples.inputs))


@final
class FittedNetwork(FittedPeer):
    """A network with the weights that a fit chose, for each task those of its epoch.

    Args:
        tasks: its tasks.
        model: of the architecture; its own weights do not matter.
        result: of the fit.
        view: what it sees; `None`: everything.
        updates: optimiser steps that the fit took.

    Example:
        >>> from cotrain.networks import HardSharing, InputSpec, MLP
        >>> from cotrain.tasks import Binary
        >>> import polars as pl
        >>> task = Binary("sold")
        >>> task.fit(pl.DataFrame({"sold": [True, False, True, False]}))
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = HardSharing().build(lambda: MLP(hidden=(8,)).build(spec), ["sold"])
        >>> model = MultiTaskNetwork(sharing, {"sold": task.head(8)})
        >>> result = FitResult([model.state_dict()], {"sold": 0}, {}, [], {})
        >>> peer = FittedNetwork([task], model, result, updates=0)
        >>> peer.predictions({"inputs": torch.zeros(2, 3)})["sold"].probabilities.shape
        torch.Size([2, 1, 2])
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        model: MultiTaskNetwork,
        result: FitResult,
        *,
        view: View | None = None,
        updates: int = 0,
    ) -> None:
        self.tasks = list(tasks)
        self.model = model
        self.result = result
        self.view = view
        self.updates = updates
        self._networks: tuple[torch.dtype, FrozenNetworks] | None = None

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return what the network's outputs say."""
        shown = dict(inputs) if self.view is None else self.view(inputs)
        outputs = self._frozen().outputs(shown, [task.name for task in self.tasks])
        return {task.name: prediction_of_output(task, outputs[task.name]) for task in self.tasks}

    def judged_on(self, validation: Examples) -> dict[str, Prediction]:
        """Return for each row what the weights say that the other half of the labels chose."""
        if not self.result.crossed:
            return self.predictions(validation.inputs)
        names = [task.name for task in self.tasks]
        shown = validation.inputs if self.view is None else self.view(validation.inputs)
        by_half = [
            FrozenNetworks(self.model, *choice).outputs(shown, names) for choice in self.result.crossed
        ]
        found = {}
        for task in self.tasks:
            rows = torch.arange(len(validation))
            own = half_of_rows(validation.masks[task.name])
            one, other = (outputs[task.name] for outputs in by_half)
            both = Ragged.cat([one, other]) if isinstance(one, Ragged) else torch.cat([one, other])
            found[task.name] = prediction_of_output(task, both.index_select(0, rows + len(rows) * (own == 0)))
        return found

    def in_double(self) -> None:
        """Answer in float64 from now on."""
        self.model.double()

    def _frozen(self) -> FrozenNetworks:
        """Return the networks that answer, in the precision of the model: any number of threads may ask."""
        dtype = next(self.model.parameters()).dtype
        kept = self._networks
        if kept is None or kept[0] != dtype:
            networks = FrozenNetworks(self.model, self.result.weights, self.result.weights_of)
            kept = self._networks = (dtype, networks)
        return kept[1]


def sayable(model: MultiTaskNetwork, tasks: Sequence[Task], rows: Examples) -> Examples:
    """Return rows without the labels that are texts for which a network has too few positions.

    Teachers of finer encoders may have heard more than this network can say.

    Args:
        model: of the learner.
        tasks: its tasks.
        rows: N rows.
    """
    masks = dict(rows.masks)
    heard = {task.name: task.hypothesis_labelling() for task in tasks}
    asked = {name: labelling for name, labelling in heard.items() if labelling is not None}
    found: dict[str, list[Tensor]] = {name: [] for name in asked}
    for part, outputs in output_batches(model, rows.inputs, tasks=list(asked)) if asked else []:
        for name, labelling in asked.items():
            found[name].append(labelling.costs(outputs[name], rows.targets[name][part]).isfinite())
    for name, parts in found.items():
        masks[name] = masks[name] * torch.cat(parts)[:, None]
    return replace(rows, masks=masks)


def _require_hearing(name: str, tasks: Sequence[Task], view: View | None) -> None:
    """Raise `InvalidArgumentError` if a peer of some columns is to hear a text."""
    heard = [task for task in tasks if task.hypothesis_labelling() is not None]
    if view is not None and heard:
        raise InvalidArgumentError(
            f"Peer {name!r} sees a view of the columns, but {type(heard[0]).__name__}({heard[0].name!r}) is "
            "heard in one of them alone: take a strategy whose networks see all, such as Committee, or take "
            "the task out."
        )


def _only(examples: Examples, tasks: Sequence[str]) -> Examples:
    return replace(
        examples,
        targets={name: examples.targets[name] for name in tasks},
        masks={name: examples.masks[name] for name in tasks},
    )


def _with_weights(examples: Examples) -> Examples:
    return replace(examples, masks={name: as_float(mask) for name, mask in examples.masks.items()})


def _noisy(noise: Noise, before: Augment | None) -> Augment:
    """Return what changes a batch as `before` does and then adds noise to its inputs."""

    def change(batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
        batch = batch if before is None else before(batch, generator)
        return {**batch, "inputs": noise(batch["inputs"])}

    return change
