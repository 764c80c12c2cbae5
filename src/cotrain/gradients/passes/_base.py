"""What a step is given, what it returns, and what all passes use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from cotrain.balancing import Balancer
from cotrain.balancing._step_decision import Rescale
from cotrain.gradients._distributed import share_call
from cotrain.gradients._monitor import Monitor
from cotrain.gradients._process_group import is_ddp, world_size
from cotrain.gradients._shared_parameters import SharedParameters, show_overflow
from cotrain.gradients._step_losses import SkipCounter, StepLosses
from cotrain.gradients.backward._cpu_backward import CPUBackward
from cotrain.gradients.graph._task_graph import TaskGraph


@dataclass(frozen=True)
class PassContext:
    """What stays the same from step to step.

    Args:
        balancer: the method; its state is all that a pass changes.
        shared: the shared parameters.
        model: the network, if it was given.
        rescale: what is done about the length of the update.
        monitor: records steps.
        scaler: of float16 training.
        skipped: counts the tasks that are left out.
    """

    balancer: Balancer
    shared: SharedParameters
    model: nn.Module | None = None
    rescale: Rescale = None
    monitor: Monitor | None = None
    scaler: torch.amp.GradScaler | None = None
    skipped: SkipCounter = field(default_factory=SkipCounter)
    #: Those of the model as they were at the beginning: FSDP2 puts others in their place between a forward
    #: pass and its backward pass.
    parameters: Sequence[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        parameters = [] if self.model is None else list(self.model.parameters())
        object.__setattr__(self, "parameters", parameters)

    def trainable(self) -> list[Tensor]:
        """Return the parameters of the model that are not frozen now."""
        return [parameter for parameter in self.parameters if parameter.requires_grad]

    def nothing_shared(self) -> bool:
        """Return whether no shared parameter can learn now."""
        return not any(parameter.requires_grad for parameter in self.shared.all)

    def reached(self) -> list[Tensor]:
        """Return parameters that a backward pass reaches: the shared ones, or whatever the network has."""
        if self.model is None or not self.nothing_shared():
            return self.shared.trainable()
        return self.trainable()

    def due(self, number: int) -> bool:
        """Return whether the monitor records the step of this number."""
        return self.monitor is not None and self.monitor.due(number)

    def scaled(self, loss: Tensor) -> Tensor:
        """Multiply by the scale of a `GradScaler`, if there is one."""
        return loss if self.scaler is None else self.scaler.scale(loss)


@dataclass(frozen=True)
class Step:
    """What one step is given.

    Args:
        losses: the losses that are weighed.
        tasks: the K names.
        number: of the step, from 0.
        extra: the losses of further independent batches.
        regulariser: a scalar to add at weight 1.
        reused_K: the weights to use again where the method is not asked.
    """

    losses: StepLosses
    tasks: Sequence[str]
    number: int
    extra: Sequence[StepLosses] = ()
    regulariser: Tensor | None = None
    reused_K: Tensor | None = None


def with_all_ranks(step: Step) -> Step:
    """Return the step with the tasks that any rank has."""
    return step if world_size() == 1 else replace(step, losses=share_call(step.losses))


@dataclass(frozen=True)
class PassResult:
    """What has come out of one step.

    Args:
        weights_K: the weights beside the losses; `None`: none were decided, for the loss scale is too large.
        source: how the gradients of the tasks were taken, and why so.
        solved_K: which tasks' weights were computed from gradients; `None`: no such thing was done.
    """

    weights_K: Tensor | None
    source: str
    solved_K: np.ndarray | None = None


class Pass(ABC):
    """One way to do a step. It keeps nothing from one step to the next but memory to write into."""

    def __init__(self, context: PassContext) -> None:
        self.context = context

    @abstractmethod
    def weigh(self, step: Step) -> PassResult:
        """Return the weights and leave `.grad` alone."""

    @abstractmethod
    def backward(self, step: Step) -> PassResult:
        """Add the gradients of the step and of its regulariser to `.grad`."""

    def start_counting(self, losses: StepLosses) -> None:
        """Start the record of what a step without a Gramian leaves out."""
        values_A = losses.values_A
        if values_A.device.type == "cpu" and losses.finite_A.all():
            self.context.skipped.start_clean(losses)
        else:
            self.context.skipped.start(losses, ~values_A.isfinite())

    def overflown(self, losses: StepLosses) -> bool:
        """Show a `GradScaler` an overflow where no loss in host memory is finite, as plain training would.

        Without any gradient it would refuse the step. On an accelerator nobody waits for the losses: the
        gradients are then zeros.
        """
        on_host = bool(losses.live) and losses.values_A.device.type == "cpu"
        if self.context.scaler is None or not on_host or world_size() > 1 or losses.finite_A.any():
            return False
        show_overflow(TaskGraph(losses.live).leaves.values())
        return True

    def passed_on_host(
        self, losses: StepLosses, weights_K: Tensor, factors_K: Sequence[float] | None
    ) -> bool:
        """Do one backward pass in host memory; `False`: it cannot be done there.

        Args:
            losses: to weigh.
            weights_K: of the losses.
            factors_K: of the tasks' own parameters; `None`: 1.
        """
        context = self.context
        on_host = bool(losses.live) and losses.values_A.device.type == "cpu"
        if not on_host or world_size() > 1 or is_ddp(context.model):
            return False
        host = CPUBackward(losses, context.shared.ids, context.skipped, context.scaler is not None)
        if not host.possible(factors_K is not None):
            return False
        host.run(weights_K, factors_K, context.scaled)
        return True


def scaled_to_number(weights_K: Tensor, active_K: Tensor) -> Tensor:
    """Scale weights on the device so that they add up to the number of active tasks."""
    total = weights_K.sum()
    return weights_K * (active_K.sum() / torch.where(total > 0, total, 1))
