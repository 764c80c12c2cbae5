"""What every encoder is: a chain of stages that turns the inputs of a batch into a representation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self, final

from torch import Tensor, nn

from cotrain._base import InputSpec
from cotrain.networks._positions import mask_after, run_stages, walk


class Encoder(nn.Module, ABC):
    """A network from inputs to a representation, cut into stages.

    The constructor takes options only; `build` makes the parameters once the sizes of the inputs are
    known, so that an encoder can be copied and built once per task where an architecture wants that.
    After it `stages` is a list of modules that are applied one after the other: the first takes the dict
    of inputs, the others the tensor before them. Sharing architectures work on the stages. An encoder does
    not pool: what a task's head reads of the positions is the head's business.

    Rows of different length bring their lengths as a further input, "tokens:lengths" beside "tokens". A stage
    that must know the padding derives from `cotrain.networks.MaskedStage`, and gets its mask beside the
    tensor.

    Example:
        >>> import torch
        >>> class Line(Encoder):
        ...     def build(self, spec):
        ...         self.stages = nn.ModuleList([nn.Sequential(Pick(), nn.Linear(3, 4)), nn.Linear(4, 2)])
        ...         self.widths, self.width = (4, 2), 2
        ...         return self
        >>> class Pick(nn.Module):
        ...     def forward(self, inputs):
        ...         return inputs["numbers"]
        >>> Line().build(InputSpec(n_numbers=3))({"numbers": torch.zeros(5, 3)}).shape
        torch.Size([5, 2])
    """

    #: Modules applied one after the other; set by `build`.
    stages: nn.ModuleList
    #: Width D of the representation after each stage; set by `build`.
    widths: tuple[int, ...]
    #: D of the last stage's representation, `widths[-1]`; known after `build` at the latest.
    width: int

    @property
    def keeps_positions(self) -> bool:
        """Whether it gives a vector for every position and not one for the row. Known before `build`."""
        return False

    def coding(self, columns: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        """Return the columns of a table that this encoder wants coded otherwise; default none.

        Args:
            columns: column -> its `kind` and options, as under `columns:`.

        Returns:
            column -> kind and options that take their place.
        """
        return {}

    def start(self) -> None:
        """Take over weights that were learned elsewhere, after `build`; default nothing.

        Called where a fit begins, and not where a run is loaded, which has its weights.
        """

    @abstractmethod
    def build(self, spec: InputSpec) -> Self:
        """Make the parameters for inputs of these sizes and return self."""

    @final
    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the representation: [B, D], a sequence [B, S, D] or a map [B, D, H, W]."""
        return run_stages(self.stages, inputs)

    @final
    def levels(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """Return what every stage gives, the finest first."""
        return [hidden for hidden, _ in walk(self.stages, inputs)]

    @final
    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions that the rows have, bool [B, S], True where there is one; `None`: all."""
        before: Any = inputs
        for stage in self.stages:
            before = mask_after(stage, before)
        return before
