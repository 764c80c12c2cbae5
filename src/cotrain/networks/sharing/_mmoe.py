"""Multi-gate mixture of experts."""

from __future__ import annotations

from typing import final

from torch import nn

from cotrain._base import check_number
from cotrain.networks.sharing._gated_experts import GatedExperts
from cotrain.networks.sharing._gates import Gate


@final
class MMoE(GatedExperts):
    """Experts that all tasks share, mixed for each task by a gate of its own.

    hₖ = Σᵢ gₖ(x)ᵢ fᵢ(x),  gₖ(x) = softmax(Wₖ x)

    f₁ … f_E: the experts, copies of the encoder's stages after the shared ones, computed as one batched
    product where the stages allow it; x: what the shared stages give (its mean over positions for the gates).

    Source: Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts", 2018, https://doi.org/10.1145/3219819.3220007. The towers are the tasks' heads. Gate
    dropout is from Zhao et al., "Recommending What Video to Watch Next", 2019.

    Args:
        experts: E, ≥ 1.
        shared_stages: first stages of the encoder that are not part of the experts, ≥ 1. With 1, a table's
            experts read its embeddings, as in the paper.
        gate_dropout: probability with which a gate leaves an expert out of a row in training, in [0, 1).

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages.

    Example:
        >>> import torch
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = MMoE(experts=4).build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["a"].shape
        torch.Size([5, 8])
    """

    def __init__(self, experts: int = 4, *, shared_stages: int = 1, gate_dropout: float = 0.0) -> None:
        super().__init__()
        check_number(self, 1, experts=experts, shared_stages=shared_stages)
        check_number(self, 0, 1, open_high=True, gate_dropout=gate_dropout)
        self.experts = experts
        self.shared_stages = shared_stages
        self.gate_dropout = gate_dropout

    def gate(self, width: int) -> nn.Module:
        """Return a softmax gate."""
        return Gate(width, self.experts, self.gate_dropout)
