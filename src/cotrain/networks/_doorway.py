"""The first stage of an encoder whose further stages some tasks enter with inputs of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, final

from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError
from cotrain._base._inputs import SOUND, WORDS
from cotrain.networks._base import Encoder
from cotrain.networks._positions import MaskedStage, mask_after, run_stage
from cotrain.networks.encoders import SoundEncoder

#: What stands for the inputs of a batch where a task brings its own: positions [B, S, D] and their mask.
POSITIONS, MASK = "entered", "entered:mask"


@final
class Doorway(MaskedStage):
    """A first stage that lets through positions that are there already; see `cotrain.tasks.PreNet`.

    Args:
        first: the encoder's own first stage, for all other inputs.
    """

    def __init__(self, first: nn.Module) -> None:
        super().__init__()
        self.first = first

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        return hidden[POSITIONS] if POSITIONS in hidden else run_stage(self.first, hidden, mask)

    def mask_after(self, before: Any) -> Any:
        return before[MASK] if MASK in before else mask_after(self.first, before)

    def spans(self, inputs: Mapping[str, Tensor]) -> dict[str, slice]:
        """Return those of the encoder's own first stage."""
        return self.first.spans(inputs) if isinstance(self.first, MaskedStage) else {}


@final
class NoInputs(nn.Module):
    """The first stage where no task reads anything but its own columns."""

    def forward(self, hidden: Any) -> Tensor:
        raise InvalidArgumentError("The table has no input columns beside those that tasks are given.")


def default_trunk() -> Encoder:
    """Return the encoder, not yet built, of tasks that all have inputs of their own.

    Its first stage is not run.

    Example:
        >>> encoder_maker(default_trunk(), InputSpec(), entered=True, alone=True)().widths[0]
        64
    """
    return SoundEncoder()


def encoder_maker(
    encoder: Encoder, spec: InputSpec, *, entered: bool, alone: bool = False, start: bool = True
) -> Callable[[], Encoder]:
    """Return what gives a new, built encoder at every call.

    Args:
        encoder: not built.
        spec: of the inputs that its first stage reads.
        entered: whether a task enters behind its first stage, with positions [B, S, widths[0]].
        alone: whether all do, so that there is nothing for its first stage to read.
        start: whether it takes over weights that were learned elsewhere, where it has any.
    """

    def make() -> Encoder:
        built = _built_for_any(encoder) if entered and alone else copy.deepcopy(encoder).build(spec)
        if start:
            built.start()
        if not entered:
            return built
        built.stages[0] = Doorway(NoInputs() if alone else built.stages[0])
        return built

    return make


def _built_for_any(encoder: Encoder) -> Encoder:
    """Return an encoder of sequences, built for whatever it reads: its first stage is taken away."""
    for spec in (InputSpec(sounds={SOUND: 16_000}), InputSpec(words={WORDS: 2})):
        try:
            return copy.deepcopy(encoder).build(spec)
        except InvalidArgumentError:
            continue
    raise InvalidArgumentError(
        f"{type(encoder).__name__} reads no sequences, and all tasks are given their own: take SoundEncoder."
    )


def entered_inputs(positions: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return what stands for the inputs of a batch.

    Example:
        >>> import torch
        >>> list(entered_inputs(torch.zeros(1, 2, 3), torch.ones(1, 2, dtype=torch.bool)))
        ['entered', 'entered:mask']
    """
    return {POSITIONS: positions, MASK: mask}
