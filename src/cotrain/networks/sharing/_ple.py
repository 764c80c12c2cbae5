"""Progressive layered extraction: several levels of shared and task-specific experts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

from torch import Tensor, nn

from cotrain.networks._base import Encoder
from cotrain.networks._checks import check_at_least, check_probability
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._cgc_level import ExtractionLevel, experts_per_task
from cotrain.networks.sharing._encoder_split import EncoderSplit, even_groups
from cotrain.networks.sharing._gate_statistics import Health, assess


@final
class PLE(Sharing):
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
        super().__init__()
        check_at_least(self, 1, shared_experts=shared_experts, levels=levels, shared_stages=shared_stages)
        if isinstance(own_experts, int):
            check_at_least(self, 1, own_experts=own_experts)
        check_probability(self, gate_dropout=gate_dropout)
        self.shared_experts = shared_experts
        self.own_experts = own_experts
        self.levels = levels
        self.shared_stages = shared_stages
        self.gate_dropout = gate_dropout

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the shared stages, and the experts and gates of every level."""
        own = experts_per_task(self, self.own_experts, tasks)
        parts = EncoderSplit(self, make_encoder, self.shared_stages, needed=self.levels)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        chains = parts.chains(self.shared_experts + sum(own))
        self.extractions = nn.ModuleList()
        before = parts.trunk_width
        for group in even_groups(len(parts.widths), self.levels):
            width = parts.widths[group][-1]
            level_chains = [chain[group] for chain in chains]
            last = len(self.extractions) == self.levels - 1
            self.extractions.append(
                ExtractionLevel(
                    level_chains, self.shared_experts, own, before, width, self.gate_dropout, last=last
                )
            )
            before = width
        self._width = before
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's mixture at the last level."""
        shared = self.trunk(inputs)
        hidden = [shared] * len(self.tasks)
        for extraction in self.extractions:
            hidden, shared = extraction(hidden, shared)
        return dict(zip(self.tasks, hidden, strict=True))

    def widths(self) -> dict[str, int]:
        """Return the width of an expert of the last level for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's experts and gate of the last level, and its gate of the level below.

        Further down the shared mixture, and with it every task, reads the experts of all.
        """
        extractions: list[Any] = list(self.extractions)
        index = self.tasks.index(task)
        own = extractions[-1].task_modules(index)
        return own if len(extractions) == 1 else [*own, extractions[-2].gates[index]]

    def health(self) -> Health:
        """Return, level by level, each expert's load, the tasks' shares of it, and its dead units."""
        extractions: list[Any] = list(self.extractions)
        return assess([extraction.level(self.tasks) for extraction in extractions])
