"""The networks that a fit ended with, which nothing changes any more."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Leaf, Leaves, Ragged
from cotrain.networks import MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training._best_weights import Weights, frozen_weights
from cotrain.training._predict import batches_of, joined_outputs


@final
class FrozenNetworks:
    """One network per distinct set of weights, in evaluation mode for good.

    Nothing is loaded, switched or written when they answer, so that any number of threads may ask at once.
    Tensors that several sets have alike are kept once, a set that no task uses not at all. A copy is the same
    object. Parameters that do not learn in the model are not copied: nobody writes to them.

    Where a task has several sets, those of an ensemble, the answer is the mean of their predictions, see
    `Task.mean_output`; the networks answer one after another, some rows at a time.

    Source: Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles", 2017, https://arxiv.org/abs/1612.01474. Here there is no adversarial training, and a number
    has no variance.

    Args:
        model: a network of their architecture; it is copied, and its own weights do not matter.
        weights: the distinct sets of weights; what learns in the model is copied as well.
        weights_of: task -> index into `weights`, or several; the attribute has tuples, and counts those sets
            only that a task uses.
        tasks: fitted tasks, of which those with several sets must be among them.

    Raises:
        InvalidArgumentError: a set of weights is not of this architecture, or an output of an ensemble has no
            mean.

    Example:
        >>> from cotrain.networks import HardSharing, InputSpec, TableEncoder
        >>> encoder = TableEncoder(width=4, depth=0)
        >>> sharing = HardSharing().build(lambda: encoder.build(InputSpec(n_numbers=1)), ["a"])
        >>> model = MultiTaskNetwork(sharing, {"a": nn.Linear(4, 1)})
        >>> networks = FrozenNetworks(model, [model.state_dict()], {"a": 0})
        >>> networks.outputs({"numbers": torch.zeros(3, 1)})["a"].shape
        torch.Size([3, 1])
    """

    weights_of: Mapping[str, tuple[int, ...]]
    _networks: tuple[MultiTaskNetwork, ...]
    _tasks: Mapping[str, Task]

    def __init__(
        self,
        model: MultiTaskNetwork,
        weights: Sequence[Weights],
        weights_of: Mapping[str, int | Sequence[int]],
        tasks: Sequence[Task] = (),
    ) -> None:
        numbers = {task: (of,) if isinstance(of, int) else tuple(of) for task, of in weights_of.items()}
        used = sorted(set().union(*numbers.values()))
        sets = _shared_where_equal([weights[number] for number in used], frozenset(frozen_weights(model)))
        object.__setattr__(self, "_networks", tuple(_with_weights(model, one) for one in sets))
        kept = {task: tuple(used.index(number) for number in of) for task, of in numbers.items()}
        object.__setattr__(self, "weights_of", kept)
        object.__setattr__(self, "_tasks", {task.name: task for task in tasks})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"FrozenNetworks cannot be changed: {name} stays as it is.")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def weights(self) -> list[Weights]:
        """A copy of the sets of weights, on the host."""
        return [
            {name: tensor.detach().to("cpu", copy=True) for name, tensor in network.state_dict().items()}
            for network in self._networks
        ]

    def outputs(self, inputs: Leaves, tasks: Collection[str] | None = None) -> dict[str, Any]:
        """Return each task's outputs [N, O] on all rows, on the host.

        Args:
            inputs: name -> tensor [N, ...] or N ragged rows.
            tasks: whose outputs are asked for; `None`: all.
        """
        return joined_outputs(self.output_batches(inputs, tasks))

    def output_batches(
        self, inputs: Leaves, tasks: Collection[str] | None = None
    ) -> Iterator[tuple[slice, dict[str, Any]]]:
        """Give each task's outputs some rows at a time, with the rows that they belong to.

        Args:
            inputs: name -> tensor [N, ...] or N ragged rows.
            tasks: whose outputs are asked for; `None`: all.
        """
        for rows, found in batches_of(self._networks, inputs, tasks=tasks):
            # Of a task whose inputs are not enough for it there are none.
            outputs = {
                task: self._mean(task, [found[number][task] for number in numbers])
                for task, numbers in self.weights_of.items()
                if task in found[numbers[0]]
            }
            yield rows, outputs

    def _mean(self, task: str, outputs: Sequence[Leaf]) -> Leaf:
        """Return one output in place of those of several networks."""
        if len(outputs) == 1:
            return outputs[0]
        values = [output.values if isinstance(output, Ragged) else output for output in outputs]
        mean = self._tasks[task].mean_output(values)
        if mean is None:
            raise InvalidArgumentError(f"Predictions of the task {task!r} have no mean: give it one network.")
        return Ragged(mean, outputs[0].offsets) if isinstance(outputs[0], Ragged) else mean


def _shared_where_equal(weights: Sequence[Weights], frozen: Collection[str]) -> list[Weights]:
    """Return copies of the sets, in which a tensor that an earlier set has alike is that set's.

    Args:
        weights: the sets.
        frozen: names of what is not copied.
    """
    kept: list[Weights] = []
    for one in weights:
        own = {name: tensor.detach().to("cpu", copy=name not in frozen) for name, tensor in one.items()}
        for before in kept:
            alike = [name for name in own if name in before and _same(before[name], own[name])]
            own |= {name: before[name] for name in alike}
        kept.append(own)
    return kept


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)


def _with_weights(model: MultiTaskNetwork, weights: Weights) -> MultiTaskNetwork:
    """Return a network of the same structure around these very tensors."""
    own = model.state_dict(keep_vars=True)
    if own.keys() != weights.keys() or any(own[name].shape != weights[name].shape for name in own):
        raise InvalidArgumentError(
            "The weights are not of this architecture: their names or shapes are others than the network's."
        )
    memo: dict[int, Any] = {}
    for name, tensor in own.items():
        value = weights[name].to(tensor.device, tensor.dtype)
        is_parameter = isinstance(tensor, nn.Parameter)
        # What the copy would copy is taken for copied already.
        memo[id(tensor)] = nn.Parameter(value, requires_grad=False) if is_parameter else value
    return copy.deepcopy(model, memo).eval()
