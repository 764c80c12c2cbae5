"""Encoders taken apart into a shared trunk and independent rests, and put side by side as experts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, final

from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.networks._base import Encoder
from cotrain.networks._positions import Chain, MaskedStage, mask_after, run_stages, walk
from cotrain.networks._stacking import stack_stages


@final
class EncoderSplit:
    """What an architecture takes from the encoders: one trunk and any number of chains after it.

    Args:
        owner: the architecture, for its name in errors.
        make_encoder: gives a new, built encoder at every call.
        shared_stages: stages that all tasks share.
        needed: stages that must remain after them, ≥ 1.

    Raises:
        InvalidArgumentError: if the encoder has too few stages.
    """

    def __init__(
        self, owner: object, make_encoder: Callable[[], Encoder], shared_stages: int, needed: int = 1
    ) -> None:
        self._make_encoder = make_encoder
        self._shared_stages = shared_stages
        first = make_encoder()
        n_stages = len(first.stages)
        if n_stages < shared_stages + needed:
            raise InvalidArgumentError(
                f"{type(owner).__name__} needs an encoder of at least {shared_stages + needed} stages "
                f"({shared_stages} shared and {needed} after them), and {type(first).__name__} has "
                f"{n_stages}: give the encoder more stages or share fewer."
            )
        self.trunk = Chain(*first.stages[:shared_stages])
        #: Width of what the chains read (0 if they read the inputs themselves).
        self.trunk_width = first.widths[shared_stages - 1] if shared_stages else 0
        #: Width after each stage of the encoder.
        self.all_widths = tuple(first.widths)
        #: Width after each stage of a chain.
        self.widths = tuple(first.widths[shared_stages:])
        self._rest: list[nn.Module] | None = list(first.stages[shared_stages:])

    def chains(self, count: int) -> list[list[nn.Module]]:
        """Return `count` chains of the stages after the trunk, each with weights of its own."""
        chains: list[list[nn.Module]] = []
        for _ in range(count):
            rest, self._rest = self._rest, None
            chains.append(list(self._make_encoder().stages[self._shared_stages :]) if rest is None else rest)
        return chains


def even_groups(n_stages: int, n_groups: int) -> list[slice]:
    """Cut `n_stages` into consecutive groups of nearly equal length, the longer ones first.

    Example:
        >>> even_groups(3, 2)
        [slice(0, 2, None), slice(2, 3, None)]
    """
    size, extra = divmod(n_stages, n_groups)
    ends = [0]
    for group in range(n_groups):
        ends.append(ends[-1] + size + (group < extra))
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


@final
class ExpertBank(MaskedStage):
    """E chains of stages side by side over one input: [B, ...] -> [E, B, ...], batched where they can be."""

    def __init__(self, chains: Sequence[Sequence[nn.Module]]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stack_stages(copies) for copies in zip(*chains, strict=True))

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        return run_stages(self.stages, hidden.unsqueeze(0), mask)

    def levels(self, hidden: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Return what the experts give after each of their stages, [E, B, ...] each."""
        return [experts for experts, _ in walk(self.stages, hidden.unsqueeze(0), mask)]

    def mask_after(self, before: Any) -> Any:
        for stage in self.stages:
            before = mask_after(stage, before)
        return before
