"""One shared encoder with small low-rank adapters of each task's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from cotrain._base import InvalidArgumentError, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._positions import Chain
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._encoder_split import EncoderSplit


@final
class LowRank(Sharing):
    """A shared encoder whose weight matrices and kernels each task changes by a matrix of low rank.

    Wₖ = W + (α / r) Bₖ Aₖ,  Aₖ of size r × inputs, Bₖ of size outputs × r and 0 at first

    The stages after the shared ones run once per task.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021,
    https://arxiv.org/abs/2106.09685; a convolution's kernel counts as a matrix outputs × (inputs · height ·
    width).

    Args:
        rank: r, ≥ 1.
        scale: α > 0.
        frozen: whether the encoder keeps its weights and only adapters (and heads) learn.
        shared_stages: first stages of the encoder without adapters, ≥ 0.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages, or
            no weight matrix or kernel in them.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = LowRank(rank=2).build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sum(parameter.numel() for parameter in sharing.task_parameters("a"))
        22
    """

    def __init__(
        self, rank: int = 4, scale: float = 4.0, *, frozen: bool = False, shared_stages: int = 1
    ) -> None:
        super().__init__()
        check_number(self, 1, rank=rank)
        check_number(self, 0, shared_stages=shared_stages)
        check_number(self, 0, math.inf, open_low=True, open_high=True, scale=scale)
        self.rank = rank
        self.scale = scale
        self.frozen = frozen
        self.shared_stages = shared_stages

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the encoder, and an adapter per task and layer."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        self.tasks = tuple(tasks)
        self.trunk = parts.trunk
        self.rest = Chain(*parts.chains(1)[0])
        self._adapted = [
            f"{name}.{weight}"
            for name, module in self.rest.named_modules()
            if not isinstance(module, nn.Embedding | nn.EmbeddingBag)
            for weight, parameter in module.named_parameters(recurse=False)
            if "weight" in weight and parameter.dim() > 1
        ]
        if not self._adapted:
            raise InvalidArgumentError(
                "LowRank found no weight matrix or kernel in the encoder's stages from number "
                f"{self.shared_stages} on: lower shared_stages or take another encoder."
            )
        weights = dict(self.rest.named_parameters())
        self.adapters = nn.ModuleList(
            nn.ModuleList(_Adapter(weights[name], self.rank, self.scale) for name in self._adapted)
            for _ in tasks
        )
        if self.frozen:
            self.trunk.requires_grad_(False)
            self.rest.requires_grad_(False)
        self._width = parts.widths[-1]
        self._level_widths = parts.all_widths
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the encoder with each task's adapters gives."""
        return self._adapted_to_tasks(self.trunk(inputs), self.trunk.mask_after(inputs), every=False)

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, and what the others give with each task's adapters."""
        shared = self.trunk(inputs, every=True)
        hidden = shared[-1] if shared else inputs
        given = self._adapted_to_tasks(hidden, self.trunk.mask_after(inputs), every=True)
        return {task: [*shared, *levels] for task, levels in given.items()}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the encoder's stages for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def _adapted_to_tasks(self, hidden: Any, mask: Any, *, every: bool) -> dict[str, Any]:
        weights = dict(self.rest.named_parameters())
        given: dict[str, Any] = {}
        for k, task in enumerate(self.tasks):
            adapters = self.adapters.get_submodule(str(k)).children()
            changed = {
                name: adapter(weights[name]) for name, adapter in zip(self._adapted, adapters, strict=True)
            }
            given[task] = functional_call(
                self.rest, changed, (hidden, mask if len(self.trunk) else None), {"every": every}
            )
        return given

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of what the last stage gives."""
        return self.rest.mask_after(self.trunk.mask_after(inputs))

    def widths(self) -> dict[str, int]:
        """Return the encoder's width for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's adapters."""
        return [self.adapters[self.tasks.index(task)]]


@final
class _Adapter(nn.Module):
    """W -> W + (α / r) B A."""

    def __init__(self, weight: Tensor, rank: int, scale: float) -> None:
        super().__init__()
        self.factor = scale / rank
        self.down_weight = nn.Parameter(torch.empty(rank, weight[0].numel()))
        self.up_weight = nn.Parameter(torch.zeros(weight.shape[0], rank))
        nn.init.kaiming_uniform_(self.down_weight, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.factor * (self.up_weight @ self.down_weight).view_as(weight)
