"""Every task predicted from what a network says of the other tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.cotraining._entries import require_one_vector
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.peers._base import FittedPeer, Peer
from cotrain.cotraining.peers._estimator import EstimatorPeer
from cotrain.tasks import Task
from cotrain.training import Examples


@final
class CrossTaskPeer(Peer):
    """Linear maps from a network's outputs for the other tasks to each task.

        p(y_t | x) = softmax(A_t o_{-t}(x) + b_t),  or  y_t = a_t · o_{-t}(x) + b_t for numbers,

    where o_{-t} are the probabilities and values that the network gives for all tasks but t. Each map is
    fitted to the rows with a label of its task: of what the network says of the other tasks there, much is
    prediction, not label, since a row has seldom labels of all.

    Args:
        name: see `Peer`.
        source: peer of two or more tasks that gives the outputs.

    Raises:
        InvalidArgumentError: the source has one task only.

    Example:
        >>> from sklearn.linear_model import LogisticRegression, Ridge
        >>> from cotrain.tasks import Binary, Regression
        >>> tasks = [Binary("sold"), Regression("price")]
        >>> source = EstimatorPeer("linear", tasks, LogisticRegression(), Ridge())
        >>> [task.name for task in CrossTaskPeer("maps", source).tasks]
        ['sold', 'price']
    """

    def __init__(self, name: str, source: Peer) -> None:
        super().__init__(name, source.tasks)
        require_one_vector(f"Peer {name!r}", source.tasks)
        if len(self.tasks) < 2:
            found = ", ".join(repr(task.name) for task in self.tasks) or "none"
            raise InvalidArgumentError(
                f"Peer {name!r} maps tasks to one another, and {source.name!r} has only {found}: give one "
                "of two or more tasks."
            )
        self.source = source

    def fit(
        self,
        examples: Examples,
        validation: Examples | None,
        key: str,
        cache: FitCache,
        *,
        true: Tensor | None = None,
    ) -> FittedPeer:
        """Fit the source, then the maps."""
        from sklearn.linear_model import LogisticRegression, Ridge

        source = self.source.fit(examples, validation, key, cache, true=true)
        outputs = source.predictions(examples.inputs)
        maps = {}
        for task in self.tasks:
            peer = EstimatorPeer(task.name, [task], LogisticRegression(max_iter=500), Ridge())
            maps[task.name] = peer.fit(
                Examples(_others(outputs, task), examples.targets, examples.masks), None, key, cache
            )
        return FittedCrossTask(self.tasks, source, maps)


@final
class FittedCrossTask(FittedPeer):
    """A network and the maps from its outputs."""

    def __init__(self, tasks: Sequence[Task], source: FittedPeer, maps: Mapping[str, FittedPeer]) -> None:
        self.tasks = list(tasks)
        self.source = source
        self.maps = maps
        self.updates = source.updates

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return what the maps make of the network's outputs."""
        outputs = self.source.predictions(inputs)
        return {
            task.name: self.maps[task.name].predictions(_others(outputs, task))[task.name]
            for task in self.tasks
        }

    def in_double(self) -> None:
        """Ask the network in float64 from now on."""
        self.source.in_double()


def _others(outputs: Mapping[str, Prediction], task: Task) -> dict[str, Tensor]:
    """Return the probabilities and values of all other tasks side by side, [N, O]."""
    parts = []
    for name, prediction in outputs.items():
        part = prediction.values if prediction.probabilities is None else prediction.probabilities
        if name != task.name and part is not None:
            parts.append(part.flatten(1))
    return {"outputs": torch.cat(parts, dim=1)}
