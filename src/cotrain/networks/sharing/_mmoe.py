"""Multi-gate mixture of experts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self, final

from torch import Tensor, nn

from cotrain.networks._base import Encoder
from cotrain.networks._checks import check_at_least, check_probability
from cotrain.networks._positions import mean_over_positions
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit, ExpertBank
from cotrain.networks.sharing._gate_statistics import Health, Level, UnitMeter, assess
from cotrain.networks.sharing._gates import Gate, gates_in
from cotrain.networks.sharing._mixing import mix


@final
class MMoE(Sharing):
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
        check_at_least(self, 1, experts=experts, shared_stages=shared_stages)
        check_probability(self, gate_dropout=gate_dropout)
        self.experts = experts
        self.shared_stages = shared_stages
        self.gate_dropout = gate_dropout

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the shared stages, the experts and a gate per task."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        self.bank = ExpertBank(parts.chains(self.experts))
        self.gates = nn.ModuleList(
            Gate(parts.trunk_width, self.experts, self.gate_dropout) for _ in self.tasks
        )
        self.units = UnitMeter(self.experts, parts.widths[-1])
        self._width = parts.widths[-1]
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's mixture of the experts."""
        hidden = self.trunk(inputs)
        experts = self.bank(hidden)  # [E, B, ...]
        self.units(experts)
        vector = mean_over_positions(hidden)
        gates = [gate(vector) for gate in self.gates]  # K × [B, E]
        return dict(zip(self.tasks, mix(gates, experts), strict=True))

    def widths(self) -> dict[str, int]:
        """Return the width of an expert for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's gate."""
        return [self.gates[self.tasks.index(task)]]

    def health(self) -> Health:
        """Return each expert's load, the share that each task takes of it, and its dead units."""
        gates = dict(zip(self.tasks, gates_in(self.gates), strict=True))
        level = Level(
            experts=[str(i) for i in range(self.experts)],
            shared=[True] * self.experts,
            dead_units=self.units.dead_units(),
            gates={task: dict(enumerate(gate.meter.mean())) for task, gate in gates.items()},
            entropy={task: gate.meter.mean_entropy() for task, gate in gates.items()},
        )
        return assess([level])
