"""Customized gate control: shared experts beside experts of each task's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self, final

from torch import Tensor, nn

from cotrain.networks._base import Encoder
from cotrain.networks._checks import check_at_least, check_probability
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._cgc_level import ExtractionLevel, experts_per_task
from cotrain.networks.sharing._encoder_split import EncoderSplit
from cotrain.networks.sharing._gate_statistics import Health, assess


@final
class CGC(Sharing):
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
        super().__init__()
        check_at_least(self, 1, shared_experts=shared_experts, shared_stages=shared_stages)
        if isinstance(own_experts, int):
            check_at_least(self, 1, own_experts=own_experts)
        check_probability(self, gate_dropout=gate_dropout)
        self.shared_experts = shared_experts
        self.own_experts = own_experts
        self.shared_stages = shared_stages
        self.gate_dropout = gate_dropout

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the shared stages, the experts and the gates."""
        own = experts_per_task(self, self.own_experts, tasks)
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        self._width = parts.widths[-1]
        self.extraction = ExtractionLevel(
            parts.chains(self.shared_experts + sum(own)),
            self.shared_experts,
            own,
            parts.trunk_width,
            self._width,
            self.gate_dropout,
            last=True,
        )
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's mixture of the shared experts and its own."""
        hidden = self.trunk(inputs)
        mixed, _ = self.extraction([hidden] * len(self.tasks), hidden)
        return dict(zip(self.tasks, mixed, strict=True))

    def widths(self) -> dict[str, int]:
        """Return the width of an expert for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's experts and gate."""
        return self.extraction.task_modules(self.tasks.index(task))

    def health(self) -> Health:
        """Return each expert's load, the share that each task takes of it, and its dead units."""
        return assess([self.extraction.level(self.tasks)])
