"""Customized gate control: shared experts beside experts of each task's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from cotrain.networks.sharing._extraction import Extraction


@final
class CGC(Extraction):
    """Shared experts and experts of each task's own; a task's gate mixes the shared ones and its own.

    hₖ = Σᵢ gₖ(x)ᵢ fᵢ(x) over the Es shared experts and the Ek of task k,  gₖ(x) = softmax(Wₖ x)

    x: what the encoder's shared stages give; an expert is a copy of the stages after them. The experts of
    one owner are one batched product.

    Source: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for
    Personalized Recommendations", 2020, https://doi.org/10.1145/3383313.3412236

    Args:
        shared_experts: Es, ≥ 1.
        own_experts: Ek, ≥ 1, one number for all tasks or one per task name.
        shared_stages: first stages of the encoder that are not part of the experts, ≥ 1.
        gate_dropout: probability with which a gate leaves an expert out of a row in training, in [0, 1).

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.

    Example:
        >>> import torch
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = CGC(own_experts={"a": 1, "b": 2})
        >>> sharing = sharing.build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["a"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        shared_experts: int = 2,
        own_experts: int | Mapping[str, int] = 1,
        *,
        shared_stages: int = 1,
        gate_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            shared_experts, own_experts, levels=1, shared_stages=shared_stages, gate_dropout=gate_dropout
        )
