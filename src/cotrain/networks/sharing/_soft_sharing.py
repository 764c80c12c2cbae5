"""One network per task, their parameters drawn together by a penalty."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError, check_choice, check_number, did_you_mean
from cotrain.networks._base import Encoder
from cotrain.networks.sharing._base import Sharing, require_progress


@final
class SoftSharing(Sharing):
    """One encoder per task, with a penalty on the distance of their parameters.

    hₖ = fₖ(x), and λ·s(t)·Ω is added to the loss, where over the tied parameters
    - "l2":         Ω = Σ_{i<j} ‖θᵢ − θⱼ‖²;
    - "mean":       Ω = Σₖ ‖θₖ − θ̄‖², θ̄ = mean over the tasks;
    - "trace_norm": Ω = Σ over the parameters of ‖[vec θ₁ … vec θ_K]‖_*, the sum of the singular values.

    s(t): the schedule at progress t in [0, 1], which the training loop sets by `set_progress` (a loop that
    does not is told so by `penalty`): "constant" 1, "linear" t, "cosine" (1 − cos πt) / 2. Parameters are
    tied where every task's encoder has one of the same name and shape; `tied` and `description` say which.
    Every task's network is its own, so gradient methods have no shared parameters here.

    Source: Duong et al., "Low Resource Dependency Parsing: Cross-lingual Parameter Sharing in a Neural
    Network Parser", 2015, https://aclanthology.org/P15-2139 (l2); Yang and Hospedales, "Trace Norm
    Regularised Deep Multi-Task Learning", 2016, https://arxiv.org/abs/1606.04038.

    Args:
        penalty_kind: Ω.
        strength: λ, ≥ 0.
        schedule: s.
        stages: numbers of the encoder's stages to tie, from 0; `None`: all that match.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if nothing matches, or a stage that
            was named does not match or is not there.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = SoftSharing("mean").build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing.tied
        ('stages.1.linear.weight', 'stages.1.linear.bias')
        >>> sharing.description
        '2 parameters are tied between the 2 tasks: all of them.'
    """

    fraction: Tensor

    def __init__(
        self,
        penalty_kind: Literal["l2", "mean", "trace_norm"] = "l2",
        strength: float = 1e-3,
        *,
        schedule: Literal["constant", "linear", "cosine"] = "constant",
        stages: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        check_choice(self, ("l2", "mean", "trace_norm"), penalty_kind=penalty_kind)
        check_choice(self, ("constant", "linear", "cosine"), schedule=schedule)
        check_number(self, 0, math.inf, open_high=True, strength=strength)
        if stages is not None and not (isinstance(stages, Sequence) and len(stages)):
            raise InvalidArgumentError(
                f"SoftSharing(stages={stages!r}): expected the numbers of stages to tie, such as [1, 2]; "
                "leave it out for all that match, or take Separate, which ties none."
            )
        self.penalty_kind = penalty_kind
        self.strength = strength
        self.schedule = schedule
        self.stages = None if stages is None else tuple(stages)

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make an encoder per task and find what matches."""
        self.tasks = tuple(tasks)
        encoders = [make_encoder() for _ in self.tasks]
        self.encoders = nn.ModuleList(encoders)
        self._widths = {task: encoder.width for task, encoder in zip(self.tasks, encoders, strict=True)}
        # A buffer, so that changing it from step to step compiles nothing anew.
        self.register_buffer("fraction", torch.zeros(()), persistent=False)
        self._progressing = self.schedule == "constant"
        self.tied = self._matching(encoders)
        n_untied = max(len(list(encoder.parameters())) for encoder in encoders) - len(self.tied)
        rest = "all of them" if n_untied == 0 else f"{', '.join(self.tied)}; {n_untied} are not"
        self.description = f"{len(self.tied)} parameters are tied between the {len(tasks)} tasks: {rest}."
        return self

    def _matching(self, encoders: Sequence[Encoder]) -> tuple[str, ...]:
        shapes = [{name: p.shape for name, p in encoder.named_parameters()} for encoder in encoders]
        everywhere = [name for name in shapes[0] if len({other.get(name) for other in shapes}) == 1]
        if self.stages is None:
            if not everywhere:
                raise InvalidArgumentError(
                    "SoftSharing has nothing to tie: no parameter has the same name and shape in every "
                    "task's encoder; make the encoders from the same options."
                )
            return tuple(everywhere)
        for stage in self.stages:
            prefix = f"stages.{stage}."
            named = [name for name in shapes[0] if name.startswith(prefix)]
            if not named:
                with_parameters = sorted({name.split(".")[1] for name in shapes[0]})
                raise InvalidArgumentError(
                    f"SoftSharing(stages=...): the encoder has no stage {stage} with parameters: "
                    f"{did_you_mean(str(stage), with_parameters)}"
                )
            for name in named:
                if name not in everywhere:
                    raise InvalidArgumentError(
                        f"SoftSharing(stages=...): {name!r} of stage {stage} does not match between the "
                        f"tasks' encoders (shapes {[tuple(s.get(name, ())) for s in shapes]}): leave the "
                        "stage out or make the encoders alike."
                    )
        prefixes = tuple(f"stages.{stage}." for stage in self.stages)
        return tuple(name for name in everywhere if name.startswith(prefixes))

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's own representation."""
        return {task: encoder(inputs) for task, encoder in zip(self.tasks, self.encoders, strict=True)}

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return what every stage of each task's own encoder gives."""
        encoders: list[Any] = list(self.encoders)
        return {task: encoder.levels(inputs) for task, encoder in zip(self.tasks, encoders, strict=True)}

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the stages of each task's encoder."""
        encoders: list[Any] = list(self.encoders)
        return {task: tuple(encoder.widths) for task, encoder in zip(self.tasks, encoders, strict=True)}

    def widths(self) -> dict[str, int]:
        """Return the width of each task's encoder."""
        return dict(self._widths)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's encoder."""
        return [self.encoders[self.tasks.index(task)]]

    def set_progress(self, fraction: float) -> None:
        """Set t for the schedule."""
        self._progressing = True
        self.fraction.fill_(min(max(fraction, 0.0), 1.0))

    def distance(self) -> Tensor:
        """Return Ω without strength and schedule, a scalar."""
        by_task = [dict(encoder.named_parameters()) for encoder in self.encoders]
        total = self.fraction.new_zeros(())
        n_tasks = len(self.tasks)
        for name in self.tied:
            stacked = torch.stack([parameters[name].flatten() for parameters in by_task])  # [K, P]
            if self.penalty_kind == "trace_norm":
                total = total + torch.linalg.svdvals(stacked).sum()
            else:
                # Σ_{i<j} ‖θᵢ − θⱼ‖² = K Σₖ ‖θₖ − θ̄‖²: one pass instead of K (K − 1) / 2.
                spread = (stacked - stacked.mean(dim=0)).square().sum()
                total = total + (n_tasks * spread if self.penalty_kind == "l2" else spread)
        return total

    def penalty(self) -> Tensor:
        """Return λ·s(t)·Ω.

        Raises:
            InvalidArgumentError: in training, if nobody has set the t that the schedule goes by.
        """
        if self.training and not self._progressing:
            require_progress(f"SoftSharing(schedule={self.schedule!r})")
        if self.schedule == "linear":
            scheduled = self.fraction
        elif self.schedule == "cosine":
            scheduled = (1 - torch.cos(math.pi * self.fraction)) / 2
        else:
            scheduled = torch.ones_like(self.fraction)
        return self.strength * scheduled * self.distance()
