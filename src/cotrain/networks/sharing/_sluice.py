"""Sluice networks: columns that exchange subspaces, and mixtures over the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._positions import fit_positions
from cotrain.networks.sharing._base import Sharing
from cotrain.networks.sharing._cross_stitch import StitchUnit
from cotrain.networks.sharing._encoder_split import EncoderSplit
from cotrain.networks.sharing._last_value import LastValue, exporting
from cotrain.networks.sharing._mixing import weighted_sum
from cotrain.networks.sharing._task_columns import TaskColumns


@final
class Sluice(Sharing):
    """Cross-stitching between subspaces of the tasks' layers, and a learned mixture of the layers.

    Every activation is cut along its width into G subspaces; after stage l the K·G subspaces are mixed,
    h̃ˡ = αˡ hˡ with αˡ of size KG × KG, and task k's representation is hₖ = Σ_l βₖₗ h̃ₖˡ. The penalty
    λ Σₖ Σ_l Σ_{a<b} ‖H_{k,a}ᵀ H_{k,b}‖² / B² keeps the subspaces of a layer from saying the same.

    Source: Ruder et al., "Latent Multi-task Architecture Learning", 2017, https://arxiv.org/abs/1705.08142.
    Its penalty is on the layers' weights; ours is on what they give, H [B, D / G], so that a stage may be
    anything. β takes in the stages of the same width as the last (`mixed_stages` says which).

    Args:
        subspaces: G, ≥ 1; every width after the shared stages must be a multiple of it.
        own: α of a subspace's own at first, in [0, 1].
        orthogonality: λ, ≥ 0.
        skips: whether to mix the layers; otherwise hₖ is the last one.
        shared_stages: first stages of the encoder that there is only one of, ≥ 0.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if the encoder has too few stages or
            a width that G does not divide.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = Sluice().build(lambda: MLP(hidden=(8, 8)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["b"].shape, sharing.mixed_stages
        (torch.Size([5, 8]), (1, 2))
    """

    def __init__(
        self,
        subspaces: int = 2,
        *,
        own: float = 0.9,
        orthogonality: float = 0.0,
        skips: bool = True,
        shared_stages: int = 1,
    ) -> None:
        super().__init__()
        check_number(self, 1, subspaces=subspaces)
        check_number(self, 0, shared_stages=shared_stages)
        check_number(self, 0, 1, own=own)
        check_number(self, 0, float("inf"), open_high=True, orthogonality=orthogonality)
        self.subspaces = subspaces
        self.own = own
        self.orthogonality = orthogonality
        self.skips = skips
        self.shared_stages = shared_stages

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make a column per task, a unit per stage, and the mixture of the layers."""
        parts = EncoderSplit(self, make_encoder, self.shared_stages)
        for width in parts.widths:
            if width % self.subspaces:
                raise InvalidArgumentError(
                    f"Sluice(subspaces={self.subspaces}) cannot cut a stage of width {width}: make every "
                    f"width a multiple of {self.subspaces}."
                )
        self.tasks = tuple(tasks)
        n_subspaces = len(tasks) * self.subspaces
        self.units = nn.ModuleList(SubspaceUnit(n_subspaces, self.subspaces, self.own) for _ in parts.widths)
        self.columns = TaskColumns(parts, len(tasks))
        self._width = parts.widths[-1]
        self._level_widths = parts.all_widths
        self._mixed = [i for i, width in enumerate(parts.widths) if self.skips and width == self._width]
        #: Numbers of the encoder's stages that the representation is a mixture of.
        self.mixed_stages = tuple(self.shared_stages + i for i in self._mixed)
        # One vector per task: which layers it reads is a task's own business.
        self.layers = nn.ModuleList(_LayerMixture(max(len(self._mixed), 1)) for _ in tasks)
        self._penalty = LastValue()
        return self

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's mixture of its layers."""
        return self._mixtures(self.columns(inputs, self.units), inputs)

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the shared stages, the task's layers, and in the last one's place their mixture."""
        shared, layers = self.columns.levels(inputs, self.units)
        mixtures = self._mixtures(layers, inputs)
        return {
            task: [*shared, *(layer[k] for layer in layers[:-1]), mixtures[task]]
            for k, task in enumerate(self.tasks)
        }

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the encoder's stages for every task."""
        return dict.fromkeys(self.tasks, self._level_widths)

    def _mixtures(self, layers: list[Tensor], inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        masks = self.columns.masks(inputs)
        if self.orthogonality > 0 and self.training and not exporting():
            overlaps = [
                _overlap(layer, self.subspaces, mask) for layer, mask in zip(layers, masks, strict=True)
            ]
            self._penalty.value = torch.stack(overlaps).sum()
        chosen = [fit_positions_of_tasks(layers[i], layers[-1], masks[i]) for i in self._mixed] or [
            layers[-1]
        ]
        stacked = torch.stack(chosen)  # [L, K, B, ...]
        return {
            task: mixture(stacked[:, k])
            for k, (task, mixture) in enumerate(zip(self.tasks, self.layers, strict=True))
        }

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of the last layer."""
        return self.columns.masks(inputs)[-1]

    def widths(self) -> dict[str, int]:
        """Return the width of a column for every task."""
        return dict.fromkeys(self.tasks, self._width)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's mixture of the layers."""
        return [self.layers[self.tasks.index(task)]]

    def penalty(self) -> Tensor:
        """Return λ times the overlap of the subspaces in the last forward pass in training mode."""
        return self.orthogonality * self._penalty.value


def fit_positions_of_tasks(hidden: Tensor, like: Tensor, mask: Tensor | None = None) -> Tensor:
    """Give [K, B, ...] the positions of another, see `fit_positions`."""
    if hidden.shape[2:] == like.shape[2:]:
        return hidden
    return torch.stack([fit_positions(one, other, mask) for one, other in zip(hidden, like, strict=True)])


def _overlap(hidden: Tensor, subspaces: int, mask: Tensor | None = None) -> Tensor:
    """Return Σₖ Σ_{a<b} ‖H_{k,a}ᵀ H_{k,b}‖² / B² for [K, B, D, ...]; real positions count as rows."""
    last = hidden.movedim(2, -1) if hidden.dim() == 5 else hidden
    rows = last.flatten(1, -2) if last.dim() > 3 else last  # [K, B, D]
    n_rows: Any = rows.shape[1]
    if mask is not None and hidden.dim() == 4:
        real = mask.flatten()
        rows, n_rows = rows.where(real[:, None], 0.0), real.sum().clamp(min=1)
    parts = rows.unflatten(-1, (subspaces, -1))  # [K, B, G, D / G]
    products = torch.einsum("kbgd,kbhe->kghde", parts, parts)
    squares = products.square().sum(dim=(-1, -2)) / n_rows**2  # [K, G, G]
    return squares.triu(diagonal=1).sum()


@final
class SubspaceUnit(nn.Module):
    """Mix the subspaces of all tasks: [K, B, D, ...] -> [K, B, D, ...]."""

    def __init__(self, n_subspaces: int, per_task: int, own: float) -> None:
        super().__init__()
        self.unit = StitchUnit(n_subspaces, own)
        self.per_task = per_task

    def forward(self, hidden: Tensor) -> Tensor:
        axis = 2 if hidden.dim() == 5 else -1
        cut = hidden.unflatten(axis, (self.per_task, -1))
        where = cut.dim() - 4 if axis == 2 else cut.dim() - 2
        by_subspace = cut.movedim(where, 1).flatten(0, 1)  # [K G, B, ...]
        mixed = self.unit(by_subspace).unflatten(0, (hidden.shape[0], self.per_task))
        return mixed.movedim(1, where).flatten(where, where + 1)


@final
class _LayerMixture(nn.Module):
    """Σ_l β_l h_l, at first the mean."""

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.full((n_layers,), 1 / n_layers))

    def forward(self, layers: Tensor) -> Tensor:
        return weighted_sum(self.mixing, layers)
