"""Several answers for each row from one network: the axis of the members of a batched ensemble.

Shapes: B batch, M members, D width. The members stand where a sequence has its positions, [B, M, D], so that
every way of sharing carries them as it carries positions.
"""

from __future__ import annotations

from typing import Any, final

from torch import Tensor, nn


@final
class MemberInputs(nn.Module):
    """A first stage whose vectors [B, D] all members read, [B, M, D].

    Args:
        inputs: the first stage of one network.
        members: M.
    """

    def __init__(self, inputs: nn.Module, members: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.members = members

    def forward(self, inputs: Any) -> Tensor:
        return self.inputs(inputs).unsqueeze(1).expand(-1, self.members, -1)


def members_of(module: nn.Module) -> int:
    """Return M, how many answers a network gives for each row.

    Example:
        >>> members_of(nn.Linear(2, 3)), members_of(nn.Sequential(MemberInputs(nn.Flatten(), 4)))
        (1, 4)
    """
    return next((part.members for part in module.modules() if isinstance(part, MemberInputs)), 1)
