"""Tasks in an order: simple ones read low stages, hard ones high stages, and may read the simple ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InvalidArgumentError, check_choice, check_entries, check_number, did_you_mean
from cotrain.networks._base import Encoder
from cotrain.networks._positions import PositionwiseLinear, concatenate, fit_positions, walk
from cotrain.networks.sharing._base import Sharing, require_progress


@final
class Hierarchical(Sharing):
    """One encoder; task k reads stage sₖ of it, and if asked what was found for the tasks below it.

    hₖ = p^{sₖ},
    with `lower="representations"`  hₖ = relu(Tₖ [p^{sₖ}, hⱼ for every task j before k]),
    with `lower="predictions"`  hₖ = relu(Tₖ [p^{sₖ}, oⱼ for every task j before k]) for the second task on

    pˡ: what stage l gives, brought to the positions of the last stage; oⱼ: the output of task j's head, such
    as its logits, through which task k's loss does not reach task j; the tasks' order is from low to high.
    With δ = `successive` the penalty is δ ‖θ − θ'‖², θ' being the encoder's parameters when the progress
    of the training last passed a multiple of 1 / `snapshots`: what was learned for one task is not lost when
    the next is learned.

    Source: Søgaard and Goldberg, "Deep multi-task learning with low level tasks supervised at lower layers",
    2016, https://aclanthology.org/P16-2038; Hashimoto et al., "A Joint Many-Task Model", 2016,
    https://arxiv.org/abs/1611.01587 (reading lower tasks, successive regularisation). There θ' is taken
    between the tasks of an epoch; we train all tasks in a step and take it between parts of the training.
    There predictions are read as embeddings weighted by probabilities, through which gradients flow; we read
    them as the heads give them, which suits every kind of task but those of maps, and keep a head to its own
    task's loss.

    Args:
        reads: number of the stage, from 0, for each task name; `None`: spread evenly over the stages after
            the first, the last task reading the last stage.
        lower: what a task reads of the tasks before it: "none", their "representations", or their
            "predictions" (inside a `MultiTaskNetwork`, which has the heads; of the tasks only the last may be
            one of maps, such as `Segmentation`).
        successive: δ, ≥ 0.
        snapshots: how often θ' is taken, ≥ 1.

    Raises:
        InvalidArgumentError: if an option is out of range; in `build`, if `reads` names another task or a
            stage that is not there, or misses a task.

    Example:
        >>> from cotrain.networks import InputSpec
        >>> from cotrain.networks import MLP
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = Hierarchical().build(lambda: MLP(hidden=(16, 8)).build(spec), ["a", "b"])
        >>> sharing.stage_of, sharing.widths()
        ({'a': 1, 'b': 2}, {'a': 16, 'b': 8})
    """

    anchored: Tensor

    def __init__(
        self,
        reads: Mapping[str, int] | None = None,
        *,
        lower: Literal["none", "representations", "predictions"] = "none",
        successive: float = 0.0,
        snapshots: int = 10,
    ) -> None:
        super().__init__()
        check_choice(self, ("none", "representations", "predictions"), lower=lower)
        check_number(self, 1, snapshots=snapshots)
        check_entries(self, 0, reads=reads or {})
        check_number(self, 0, math.inf, open_high=True, successive=successive)
        self.reads = reads
        self.lower = lower
        self.successive = successive
        self.snapshots = snapshots

    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the encoder, and the tasks' layers if they read one another."""
        self.tasks = tuple(tasks)
        self.encoder = make_encoder()
        #: Number of the stage that each task reads.
        self.stage_of = self._stages_of(len(self.encoder.stages))
        self._widths = {task: self.encoder.widths[stage] for task, stage in self.stage_of.items()}
        self._part: int | None = None
        self.layers = nn.ModuleList()
        if self.lower == "representations":
            widths = list(self._widths.values())
            self.layers.extend(
                PositionwiseLinear(sum(widths[: k + 1]), width) for k, width in enumerate(widths)
            )
        if self.successive > 0:
            self.register_buffer("anchored", torch.zeros(()))
            for i, parameter in enumerate(self.encoder.parameters()):
                self.register_buffer(f"anchor_{i}", parameter.detach().clone())
        return self

    def _stages_of(self, n_stages: int) -> dict[str, int]:
        if self.reads is None:
            n_tasks = len(self.tasks)
            first = min(1, n_stages - 1)
            steps = [first + math.ceil((n_stages - first) * (k + 1) / n_tasks) - 1 for k in range(n_tasks)]
            return dict(zip(self.tasks, steps, strict=True))
        for task, stage in self.reads.items():
            if task not in self.tasks:
                raise InvalidArgumentError(
                    f"Hierarchical(reads=...) names the task {task!r}: {did_you_mean(task, self.tasks)}"
                )
            if not 0 <= stage < n_stages:
                raise InvalidArgumentError(
                    f"Hierarchical(reads={{{task!r}: {stage}}}): {type(self.encoder).__name__} has "
                    f"{n_stages} stages, numbered from 0 to {n_stages - 1}."
                )
        for task in self.tasks:
            if task not in self.reads:
                raise InvalidArgumentError(
                    f"Hierarchical(reads={dict(self.reads)!r}) names no stage for the task {task!r}."
                )
        return {task: self.reads[task] for task in self.tasks}

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's representation."""
        return self._read(list(walk(self.encoder.stages, inputs)))

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the stages up to the one that the task reads, and in that one's place its representation."""
        features = list(walk(self.encoder.stages, inputs))
        read, stages = self._read(features), self.stage_of
        return {
            task: [*(hidden for hidden, _ in features[: stages[task]]), read[task]] for task in self.tasks
        }

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the widths of the stages up to the one that each task reads."""
        return {task: tuple(self.encoder.widths[: stage + 1]) for task, stage in self.stage_of.items()}

    def _read(self, features: list[tuple[Tensor, Tensor | None]]) -> dict[str, Tensor]:
        last = features[-1][0]
        read = {
            task: fit_positions(features[stage][0], last, features[stage][1])
            for task, stage in self.stage_of.items()
        }
        if self.lower != "representations":
            return read
        given: dict[str, Tensor] = {}
        for task, layer in zip(self.tasks, self.layers, strict=True):
            given[task] = functional.relu(layer(concatenate([read[task], *given.values()])))
        return given

    def widths(self) -> dict[str, int]:
        """Return the width of the stage that each task reads."""
        return dict(self._widths)

    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the task's layer, unless the tasks after it read what it gives."""
        if not len(self.layers) or (self.lower == "representations" and task != self.tasks[-1]):
            return []
        return [self.layers[self.tasks.index(task)]]

    def attach(self, heads: Mapping[str, nn.Module]) -> None:
        """Make the layers by which tasks read the predictions of those before them."""
        if self.lower != "predictions":
            return
        # Nobody reads what the last one gives, which may be a map.
        sizes = [_output_size(heads[task], self._widths[task]) for task in self.tasks[:-1]]
        layers: list[nn.Module] = [nn.Identity()]
        for k, width in list(enumerate(self._widths.values()))[1:]:
            layers.append(PositionwiseLinear(width + sum(sizes[:k]), width))
        self.layers = nn.ModuleList(layers)

    def refined_by(self, task: str) -> tuple[str, ...]:
        """Return the tasks before this one, if their predictions are read."""
        return self.tasks[: self.tasks.index(task)] if self.lower == "predictions" else ()

    def refine(self, task: str, representation: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:
        """Return the representation joined with the predictions of the tasks before, if those are read."""
        number = self.tasks.index(task)
        if self.lower != "predictions" or number == 0:
            return representation
        lower = [_beside(outputs[before].detach(), representation) for before in self.tasks[:number]]
        return functional.relu(self.layers[number](concatenate([representation, *lower])))

    def set_progress(self, fraction: float) -> None:
        """Take θ' whenever another part of the training is done."""
        part = math.floor(fraction * self.snapshots)
        if self.successive == 0:
            return
        if self._part is None:
            # Read once, after a state may have been loaded, and not at every step from the device.
            self._part = int(self.anchored)
        if part > self._part:
            self._part = part
            self.anchored.fill_(part)
            for anchor, parameter in zip(self._anchors(), self.encoder.parameters(), strict=True):
                anchor.copy_(parameter.detach())

    def penalty(self) -> Tensor:
        """Return δ ‖θ − θ'‖², 0 before θ' was first taken.

        Raises:
            InvalidArgumentError: in training, if `set_progress` was never called, so that θ' is never taken.
        """
        if self.successive == 0:
            return torch.zeros(())
        if self.training and self._part is None:
            require_progress(f"Hierarchical(successive={self.successive!r})")
        distances = [
            (parameter - anchor).square().sum()
            for anchor, parameter in zip(self._anchors(), self.encoder.parameters(), strict=True)
        ]
        return self.successive * (self.anchored > 0) * torch.stack(distances).sum()

    def _anchors(self) -> list[Tensor]:
        return [self.get_buffer(f"anchor_{i}") for i, _ in enumerate(self.encoder.parameters())]


def _output_size(head: nn.Module, width: int) -> int:
    """Return how many outputs a head has: known by asking, whatever it is made of."""
    with torch.no_grad():
        parameter = next(head.parameters(), torch.zeros(()))
        return head(torch.zeros(1, width, dtype=parameter.dtype, device=parameter.device)).shape[-1]


def _beside(output: Tensor, representation: Tensor) -> Tensor:
    """Return outputs [B, O] or [B, S, O] at every position of a representation."""
    if output.dim() < representation.dim():
        if representation.dim() == 4:
            return output[:, :, None, None].expand(-1, -1, *representation.shape[2:])
        return output[:, None].expand(-1, representation.shape[1], -1)
    return output
