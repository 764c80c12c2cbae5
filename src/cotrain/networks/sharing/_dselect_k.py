"""DSelect-k: gates that choose at most k experts, and can be differentiated."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InvalidArgumentError, check_number
from cotrain.networks.sharing._gate_statistics import GateMeter
from cotrain.networks.sharing._gated_experts import GatedExperts
from cotrain.networks.sharing._last_value import LastValue, exporting


@final
class DSelectK(GatedExperts):
    """Shared experts of which each task's gate chooses at most k, by a code that gradients can learn.

    hₖ = Σᵢ qₖ(x)ᵢ fᵢ(x),  q = Σ_{s=1}^{k} softmax(α)_s r(z_s),  r(z)ᵢ = Π_b S(z_b) or 1 − S(z_b), as bit b of
    i is 1 or 0

    S: the smooth step, 0 below −γ/2, 1 above γ/2, −2t³/γ³ + 3t/(2γ) + ½ between. α and the M = ⌈log₂ E⌉ codes
    z_s are linear in x, or numbers of the task (`per_row=False`). The penalty is λ Σ_s (−Σᵢ rᵢ log rᵢ), which
    drives each selector to one expert, plus λ Σ_s 1 / Σ_{i<E} rᵢ where E is not a power of 2, which keeps
    the codes on experts that exist; both are means over the rows and sums over the tasks.

    Source: Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of Experts with Applications
    to Multi-Task Learning", 2021, https://arxiv.org/abs/2106.03760

    Args:
        experts: E, ≥ 1.
        selected: k, from 1 to E.
        entropy: λ, ≥ 0.
        gamma: γ > 0, width of the smooth step.
        per_row: whether the choice depends on the row.
        shared_stages: first stages of the encoder that are not part of the experts, ≥ 1.

    Raises:
        InvalidArgumentError: if an option is out of range or k exceeds E; in `build`, if the encoder has too
            few stages.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = DSelectK(4, 2).build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["a"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        experts: int = 4,
        selected: int = 2,
        *,
        entropy: float = 1e-3,
        gamma: float = 1.0,
        per_row: bool = True,
        shared_stages: int = 1,
    ) -> None:
        super().__init__()
        check_number(self, 1, experts=experts, selected=selected, shared_stages=shared_stages)
        if selected > experts:
            raise InvalidArgumentError(
                f"DSelectK(selected={selected}, experts={experts}): it cannot select more than there are."
            )
        check_number(self, 0, math.inf, open_high=True, entropy=entropy)
        check_number(self, 0, math.inf, open_low=True, open_high=True, gamma=gamma)
        self.experts = experts
        self.selected = selected
        self.entropy = entropy
        self.gamma = gamma
        self.per_row = per_row
        self.shared_stages = shared_stages

    def gate(self, width: int) -> nn.Module:
        """Return a gate that selects."""
        return SelectorGate(width, self.experts, self.selected, self.gamma, per_row=self.per_row)

    def penalty(self) -> Tensor:
        """Return λ times the selectors' entropy in the last forward pass in training mode."""
        gates: list[Any] = list(self.gates)
        return self.entropy * torch.stack([gate.indecision.value.to(gate.device) for gate in gates]).sum()


@final
class SelectorGate(nn.Module):
    """One task's gate: [B, D] -> [B, E], at most k entries of a row above 0 once the codes are decided."""

    bits: Tensor

    def __init__(self, width: int, n_experts: int, selected: int, gamma: float, *, per_row: bool) -> None:
        super().__init__()
        self.n_bits = n_bits = math.ceil(math.log2(n_experts))
        self.n_experts = n_experts
        self.selected = selected
        self.gamma = gamma
        codes = torch.arange(2**n_bits)
        # bits[i, b]: whether code i has a 1 at bit b.
        bits = (codes[:, None] >> torch.arange(n_bits)[None]) & 1
        self.register_buffer("bits", bits.bool(), persistent=False)
        n_logits = selected * (1 + n_bits)
        # Without rows the logits are what a linear layer makes of the constant 1.
        self.linear = nn.Linear(width, n_logits) if per_row else nn.Linear(1, n_logits, bias=False)
        with torch.no_grad():
            # Near the middle of the step at first: outside of it no gradient would ever move a code.
            for parameter in self.linear.parameters():
                parameter.mul_(gamma / 100)
        self.per_row = per_row
        self.meter = GateMeter(n_experts)
        self.indecision = LastValue()

    @property
    def device(self) -> torch.device:
        """Where the gate is."""
        return self.bits.device

    def forward(self, hidden: Tensor) -> Tensor:
        logits = self.linear(hidden if self.per_row else torch.ones_like(hidden[:, :1]))
        weights = functional.softmax(logits[:, : self.selected], dim=-1)  # [B, k]
        codes = logits[:, self.selected :].unflatten(-1, (self.selected, self.n_bits))  # [B, k, M]
        steps = smooth_step(codes, self.gamma).unsqueeze(-2)  # [B, k, 1, M]
        selectors = torch.where(self.bits, steps, 1 - steps).prod(dim=-1)  # [B, k, 2^M]
        if self.training and not exporting():
            self.indecision.value = self._indecision(selectors)
        gate = torch.einsum("bk,bke->be", weights, selectors[..., : self.n_experts])
        self.meter(gate)
        return gate

    def _indecision(self, selectors: Tensor) -> Tensor:
        entropy = -torch.special.xlogy(selectors, selectors.clamp(min=1e-12)).sum(dim=(-1, -2)).mean()
        if selectors.shape[-1] == self.n_experts:
            return entropy
        reachable = selectors[..., : self.n_experts].sum(dim=-1)
        return entropy + (1 / reachable.clamp(min=1e-6)).sum(dim=-1).mean()


def smooth_step(t: Tensor, gamma: float) -> Tensor:
    """Return 0 below −γ/2, 1 above γ/2, and the cubic that joins them smoothly between.

    Example:
        >>> smooth_step(torch.tensor([-1.0, 0.0, 0.25, 1.0]), 1.0)
        tensor([0.0000, 0.5000, 0.8438, 1.0000])
    """
    inner = t.clamp(-gamma / 2, gamma / 2)
    return -2 / gamma**3 * inner**3 + 3 / (2 * gamma) * inner + 0.5
