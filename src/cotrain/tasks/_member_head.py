"""The heads of a batched ensemble: one for each member, computed together where the layers allow it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn


@final
class BlendedOutput:
    """The output of a task whose scores are the mean of those of members, [B, M, O] -> [B, O].

    Args:
        scores: of the task, from outputs [B, O].
        output_of_scores: of the task, the way back; where there is none outputs are averaged.
        linear: whether scores are outputs in another unit, so that the mean of the outputs is the same.
    """

    def __init__(
        self,
        scores: Callable[[Tensor], Tensor],
        output_of_scores: Callable[[Tensor], Tensor | None],
        *,
        linear: bool,
    ) -> None:
        self.scores = scores
        self.output_of_scores = output_of_scores
        self.linear = linear

    def __call__(self, output: Tensor) -> Tensor:
        """Return the joint output."""
        if self.linear:
            return output.mean(dim=1)
        scores = self.scores(output.flatten(0, 1)).unflatten(0, output.shape[:2]).mean(dim=1)
        found = self.output_of_scores(scores)
        return output.mean(dim=1) if found is None else found.to(output.dtype)


@final
class MemberHead(nn.Module):
    """M heads side by side, [B, M, D] -> [B, M, O]: the m-th reads what the m-th member says.

    Args:
        copies: M heads of the same layers, each with weights of its own.
        blended: [B, M, O] -> [B, O], the joint answer.

    Shapes: [B, M, D] -> [B, M, O].
    """

    def __init__(self, copies: Sequence[nn.Module], blended: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        of_copies: list[list[Any]] = [list(copy.children()) for copy in copies]
        self.layers = nn.Sequential(*(_side_by_side(layers) for layers in zip(*of_copies, strict=True)))
        self.blended = blended

    @classmethod
    def of(
        cls,
        copies: Sequence[nn.Module],
        scores: Callable[[Tensor], Tensor],
        output_of_scores: Callable[[Tensor], Tensor | None],
        *,
        linear: bool,
    ) -> nn.Module:
        """Return the only head as it is, or several side by side, see `BlendedOutput`."""
        if len(copies) == 1:
            return copies[0]
        return cls(copies, BlendedOutput(scores, output_of_scores, linear=linear))

    def forward(self, hidden: Tensor) -> Tensor:
        return self.layers(hidden)

    def output_biases(self, n_outputs: int) -> list[nn.Parameter]:
        """Return the biases of the output layers, which end with an axis of O."""
        last = self.layers[-1]
        if isinstance(last, _MemberLinear):
            return [last.bias]
        of_copies: dict[str, list[nn.Parameter]] = {}
        for name, parameter in last.named_parameters():
            if name.endswith("bias") and parameter.shape == (n_outputs,):
                # copies.NUMBER.name of the parameter within the layer
                of_copies.setdefault(name.split(".")[1], []).append(parameter)
        return [biases[-1] for biases in of_copies.values()]


def _side_by_side(layers: Sequence[Any]) -> Any:
    if all(type(layer) is nn.Linear for layer in layers):
        return _MemberLinear(layers)
    if not list(layers[0].parameters()):
        return layers[0]
    return _MemberLoop(layers)


@final
class _MemberLinear(nn.Module):
    """M linear layers as one batched product."""

    def __init__(self, copies: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([copy.weight.detach().T for copy in copies]))  # [M, D, O]
        self.bias = nn.Parameter(torch.stack([copy.bias.detach() for copy in copies]))  # [M, O]

    def forward(self, hidden: Tensor) -> Tensor:
        return torch.baddbmm(self.bias.unsqueeze(1), hidden.transpose(0, 1), self.weight).transpose(0, 1)


@final
class _MemberLoop(nn.Module):
    """M layers of any kind one after the other."""

    def __init__(self, copies: Sequence[nn.Module]) -> None:
        super().__init__()
        self.copies = nn.ModuleList(copies)

    def forward(self, hidden: Tensor) -> Tensor:
        pairs = zip(self.copies, hidden.unbind(1), strict=True)
        return torch.stack([copy(one) for copy, one in pairs], dim=1)


def members_as_rows(output: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the outputs, targets and mask of members as those of as many rows, [B · M, ...] each.

    Args:
        output: [B, M, O]; or [B, O] of rows with M labels each.
        target: [B, T], the same for all members, or [B, M, T].
        mask: as the target.
    """
    n_members = output.shape[1] if output.dim() == 3 else target.shape[1]
    target, mask = (
        labels.flatten(0, 1) if labels.dim() == 3 else labels.repeat_interleave(n_members, dim=0)
        for labels in (target, mask)
    )
    output = output if output.dim() == 3 else output[:, None].expand(-1, n_members, -1)
    return output.flatten(0, 1), target, mask
