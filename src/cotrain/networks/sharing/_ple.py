"""Progressive layered extraction: several levels of shared and task-specific experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from cotrain.networks.sharing._extraction import Extraction


@final
class PLE(Extraction):
    """Levels of shared and task-specific experts, each level reading the mixtures of the one below.

    At level l, task k: hₖˡ = Σᵢ gₖˡ(hₖˡ⁻¹)ᵢ fᵢ over the shared experts, which read h_sˡ⁻¹, and its own, which
    read hₖˡ⁻¹; the shared mixture h_sˡ has a gate of its own over all experts. h⁰ = x for all.

    x: what the encoder's shared stages give. The stages after them are dealt out to the levels in turn, and
    an expert is a copy of its level's stages. The experts of one owner are one batched product.

    Source: Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for
    Personalized Recommendations", 2020, https://doi.org/10.1145/3383313.3412236

    Args:
        shared_experts: shared experts a level, ≥ 1.
        own_experts: experts of a task's own a level, ≥ 1, one number for all tasks or one per task name.
        levels: L, ≥ 1; the encoder needs at least as many stages after the shared ones.
        shared_stages: first stages of the encoder that are not part of the experts, ≥ 1.
        gate_dropout: probability with which a gate leaves an expert out of a row in training, in [0, 1).

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.

    Example:
        >>> import torch
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = PLE(levels=2).build(lambda: MLP(hidden=(16, 8)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["a"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        shared_experts: int = 2,
        own_experts: int | Mapping[str, int] = 1,
        levels: int = 2,
        *,
        shared_stages: int = 1,
        gate_dropout: float = 0.0,
    ) -> None:
        super().__init__(
            shared_experts, own_experts, levels, shared_stages=shared_stages, gate_dropout=gate_dropout
        )
