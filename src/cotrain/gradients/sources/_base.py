"""What every gradient source gives: a Gramian now, and the combined gradient once weights are known."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from cotrain.gradients._process_group import all_true
from cotrain.gradients._shared_parameters import GradWriter, SharedParameters, all_finite_on_host, wide_sum
from cotrain.gradients._step_losses import StepLosses


@dataclass(frozen=True)
class GradientRequest:
    """What a step asks of a source.

    Args:
        call: the A present losses.
        shared: the shared parameters.
        diagonal: only the A squared norms are wanted.
        retain: the graph is needed again afterwards.
        weighed: the weights are wanted only; nothing will be written to `.grad`.
    """

    call: StepLosses
    shared: SharedParameters
    diagonal: bool = False
    retain: bool = False
    weighed: bool = False


class TaskGradients(ABC):
    """The A gradients of one step, held in whatever form the source has them.

    Args:
        request: what the step has asked for.
        heads: the gradients of the tasks' own parameters.
    """

    #: How they were taken, in one word.
    way: ClassVar[str]
    #: Why so, where there was a choice: the end of a sentence.
    why: str = ""

    def __init__(self, request: GradientRequest, heads: TaskSpecificGradients) -> None:
        self.request = request
        self.heads = heads
        self.n_tasks = len(request.call.live)
        self.device = request.call.values_A.device

    @abstractmethod
    def gramian(self) -> Tensor:
        """Return the A×A inner products, or the A squared norms if only the diagonal was asked for."""

    def jacobian(self) -> Tensor:
        """Return the A×P gradients themselves; only the exact passes have them."""
        raise NotImplementedError(f"{type(self).__name__} has no Jacobian")

    def heads_finite(self) -> Tensor:
        """Return A booleans: whether what the tasks' own parameters get is finite, on every rank."""
        return all_true(self.heads.finite(self.n_tasks, self.device))

    def said(self) -> str:
        """Return how the gradients were taken, and why."""
        return f"{self.way}: {self.why}" if self.why else self.way

    def apply(self, weights_A: Tensor, head_weights_A: Tensor) -> None:
        """Add Jᵀw to the shared parameters' gradients and its own loss's gradient to each head's.

        Args:
            weights_A: weights on the shared parameters; 0 for tasks that are left out.
            head_weights_A: weights on the tasks' own parameters; 0 for tasks that are left out.
        """
        writer = GradWriter()
        self._add_weighted(weights_A, writer)
        self._add_heads(head_weights_A.tolist(), writer)
        self._release()  # first, for a hook may change the parameters that the graph has saved
        writer.finish()

    def apply_update(self, update_P: Tensor, head_weights_A: Tensor) -> None:
        """Add a given update to the shared parameters' gradients; only the exact passes can."""
        writer = GradWriter()
        self._add_update(update_P, writer)
        self._add_heads(head_weights_A.tolist(), writer)
        writer.finish()

    @abstractmethod
    def _add_weighted(self, weights_A: Tensor, writer: GradWriter) -> None:
        """Add Jᵀw; rows of weight 0 may not be finite."""

    def _add_update(self, update_P: Tensor, writer: GradWriter) -> None:
        raise NotImplementedError(f"{type(self).__name__} takes weights only")

    def _release(self) -> None:
        """Let go of the graph, as the last backward pass through it does."""
        return

    def _add_heads(self, weights: list[float], writer: GradWriter) -> None:
        self.heads.apply(weights, writer)


class GradientSource(ABC):
    """A way to get from A losses to their Gramian on the shared parameters."""

    #: Whether the Gramian is that of the shared parameters, not an approximation of it.
    exact: ClassVar[bool]

    @abstractmethod
    def open(self, asked: GradientRequest) -> TaskGradients:
        """Do the passes that the Gramian takes."""


class TaskSpecificGradients:
    """Gradients of the tasks' own parameters, kept until it is known which tasks take part."""

    def __init__(self) -> None:
        self._held: list[tuple[int, Tensor, Tensor]] = []  # (task, parameter, gradient)
        # What is looked at to see whether all of it is finite.
        self._looked_at: list[Tensor] = []

    def hold(self, task: int, parameter: Tensor, grad: Tensor | None) -> None:
        """Keep the gradient of one parameter from one task."""
        if grad is not None:
            self._held.append((task, parameter, grad))
            self._looked_at.append(grad)

    def hold_parts(self, whole: Tensor, parts: Sequence[tuple[int, Tensor, Tensor]]) -> None:
        """Keep gradients that are parts of one array, which is then looked at once.

        Args:
            whole: the array.
            parts: (task, parameter, gradient).
        """
        self._held += parts
        self._looked_at.append(whole)

    def parameters(self) -> list[Tensor]:
        """Return the parameters that have a gradient here."""
        return [parameter for _, parameter, _ in self._held]

    def finite(self, n_present: int, device: torch.device) -> Tensor:
        """Return A booleans."""
        if all_finite_on_host(self._looked_at):
            return torch.ones(n_present, dtype=torch.bool, device=device)
        sums = [wide_sum(grad) for _, _, grad in self._held]
        broken = ~torch.stack([total.to(sums[0]) for total in sums]).isfinite()
        tasks = torch.tensor([task for task, _, _ in self._held], device=broken.device)
        counts_A = torch.zeros(n_present, dtype=torch.long, device=broken.device)
        return (counts_A.index_add_(0, tasks, broken.long()) == 0).to(device)

    def apply(self, weights: list[float], writer: GradWriter) -> None:
        """Add weight × gradient to the parameters; a task of weight 0 leaves no trace."""
        given: set[int] = set()
        for task, parameter, grad in self._held:
            if weights[task] == 1 and grad.layout == torch.strided:
                # Two parameters that are added get one tensor, and a sum repeats one number: copy those.
                if parameter.grad is None and (
                    grad.data_ptr() in given or grad.stride() != parameter.stride()
                ):
                    grad = torch.empty_like(parameter, dtype=grad.dtype).copy_(grad)
                given.add(grad.data_ptr())
                writer.add(parameter, grad)
            elif weights[task]:
                writer.add(parameter, grad if weights[task] == 1 else grad * weights[task])
