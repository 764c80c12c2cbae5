"""Groups of parameters for an optimiser with decoupled weight decay."""

from __future__ import annotations

from typing import Any

from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.networks._multi_task import MultiTaskNetwork


def parameter_groups(
    model: MultiTaskNetwork, shared_weight_decay: float, task_weight_decay: float
) -> list[dict[str, Any]]:
    """Return optimiser groups with separate weight decay for shared and for the tasks' own parameters.

    θ ← θ − η λ θ beside the gradient step, with λ as given for weight matrices and kernels, and 0 for biases,
    norms, embeddings, and the numbers by which architectures mix representations: pulling those to zero
    would not simplify the function but shift, rescale or disconnect it.

    Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017,
    https://arxiv.org/abs/1711.05101

    Args:
        model: the network.
        shared_weight_decay: λ of the shared weights, ≥ 0.
        task_weight_decay: λ of the weights that one task alone uses, its head included, ≥ 0.

    Returns:
        Groups with the keys "params" and "weight_decay", up to three for each rate at which parameters learn;
        every parameter that learns is in exactly one of them. Those within a module that has an
        `own_learning_rate`, such as what was trained before, have it as "own_rate".

    Raises:
        InvalidArgumentError: if a weight decay is negative or not finite.

    Example:
        >>> import torch
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP, HardSharing
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = HardSharing().build(lambda: MLP(hidden=(8,)).build(spec), ["a"])
        >>> model = MultiTaskNetwork(sharing, {"a": torch.nn.Linear(8, 1)})
        >>> [(len(g["params"]), g["weight_decay"]) for g in parameter_groups(model, 0.1, 0.2)]
        [(1, 0.1), (1, 0.2), (2, 0.0)]
    """
    for name, value in (
        ("shared_weight_decay", shared_weight_decay),
        ("task_weight_decay", task_weight_decay),
    ):
        if not 0 <= value < float("inf"):
            raise InvalidArgumentError(f"{name}={value!r}: expected a finite number of at least 0.")
    shared = {id(parameter) for parameter in model.shared_parameters()}
    decaying, rates = _decaying(model), _own_rates(model)
    decays = (shared_weight_decay, task_weight_decay, 0.0)
    groups: dict[tuple[float | None, int], dict[str, Any]] = {}
    for rate in (None, *sorted(set(rates.values()))):
        own = {} if rate is None else {"own_rate": rate}
        for index, decay in enumerate(decays):
            groups[rate, index] = {"params": [], "weight_decay": decay, **own}
    for parameter in model.parameters():
        if parameter.requires_grad:
            index = 2 if id(parameter) not in decaying else 0 if id(parameter) in shared else 1
            groups[rates.get(id(parameter)), index]["params"].append(parameter)
    return [group for group in groups.values() if group["params"]]


def _own_rates(model: nn.Module) -> dict[int, float]:
    """Return the peak learning rates of parameters within modules that have one of their own."""
    found: dict[int, float] = {}
    for module in model.modules():
        rate: Any = getattr(module, "own_learning_rate", None)
        if rate is not None:
            found |= dict.fromkeys(map(id, module.parameters()), rate)
    return found


def _decaying(model: nn.Module) -> set[int]:
    """Return the ids of weight matrices and kernels: what is called weight, outside norms and embeddings."""
    ids: set[int] = set()
    embeddings = [module for module in model.modules() if getattr(module, "is_embedding", False)]
    within = {id(part) for module in embeddings for part in module.modules()}
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) or id(module) in within:
            continue
        for name, parameter in module.named_parameters(recurse=False):
            # One axis: the weight of a norm.
            if name.endswith("weight") and parameter.dim() > 1:
                ids.add(id(parameter))
    return ids
