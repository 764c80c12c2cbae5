"""What every sharing architecture is: one representation per task, and a split into shared and own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.networks._base import Encoder
from cotrain.networks._members import members_of
from cotrain.networks._parameter_users import parameter_users
from cotrain.networks._positions import MaskedStage
from cotrain.networks.encoders._picture_input import SeveralPictures
from cotrain.networks.sharing._gate_statistics import Health, Meter


class Sharing(nn.Module, ABC):
    """A way for K tasks to share a network.

    The constructor takes options only; `build` makes the parameters.

    Example:
        A way of one's own: all tasks read one encoder, each with a scale of its own.

        >>> from cotrain.networks import MLP, InputSpec
        >>> class Scaled(Sharing):
        ...     def build(self, make_encoder, tasks):
        ...         self.encoder, self.tasks = make_encoder(), tuple(tasks)
        ...         self.scales = nn.ParameterList(torch.ones(1) for _ in tasks)
        ...         return self
        ...     def forward(self, inputs):
        ...         hidden = self.encoder(inputs)
        ...         return {task: hidden * scale for task, scale in zip(self.tasks, self.scales)}
        ...     def widths(self):
        ...         return dict.fromkeys(self.tasks, self.encoder.width)
        ...     def task_modules(self, task):
        ...         return []
        >>> spec = InputSpec(tensors={"inputs": (3,)})
        >>> sharing = Scaled().build(lambda: MLP(hidden=(8,)).build(spec), ["a", "b"])
        >>> sharing({"inputs": torch.zeros(5, 3)})["b"].shape
        torch.Size([5, 8])
    """

    #: Task names in order; set by `build`.
    tasks: tuple[str, ...]

    @abstractmethod
    def build(self, make_encoder: Callable[[], Encoder], tasks: Sequence[str]) -> Self:
        """Make the parameters and return self.

        Args:
            make_encoder: gives a new, built encoder at every call, each with its own initial weights.
            tasks: names of the K tasks.

        Raises:
            InvalidArgumentError: if the encoder has too few stages, or the options do not fit.
        """

    @abstractmethod
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each task's representation: [B, D], a sequence [B, S, D] or a map [B, D, H, W]."""

    def mask(self, inputs: dict[str, Tensor]) -> Tensor | None:
        """Return the positions of the representations, bool [B, S], True where there is one; `None`: all.

        Default: those of the first encoder that is found in here.
        """
        encoders = (module for module in self.modules() if isinstance(module, Encoder))
        encoder = next(encoders, None)
        return None if encoder is None else encoder.mask(inputs)

    def feature_levels(self, inputs: dict[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return for each task what the stages give it, the finest first; the last is its representation.

        Default: refused, because only the architecture knows what a task has below its representation.
        """
        raise InvalidArgumentError(
            f"{type(self).__name__} says nothing of the stages below its representations, and a task reads "
            "them all: write its methods feature_levels and level_widths, or take HardSharing."
        )

    def level_widths(self) -> dict[str, tuple[int, ...]]:
        """Return the width of each of a task's levels. Known after `build`."""
        raise InvalidArgumentError(
            f"{type(self).__name__} says nothing of the stages below its representations: write its methods "
            "feature_levels and level_widths, or take HardSharing."
        )

    @property
    @final
    def members(self) -> int:
        """M: how many answers the encoder gives for each row, 1 but for a batched ensemble such as `TabM`.

        With several the representations are [B, M, D]. Known after `build`.
        """
        return members_of(self)

    @final
    def spans(self, inputs: dict[str, Tensor]) -> dict[str, slice]:
        """Return where among the positions each column of words stands; empty where they are of one thing."""
        stages = (module for module in self.modules() if isinstance(module, MaskedStage))
        return next((spans for stage in stages if (spans := stage.spans(inputs))), {})

    @property
    @final
    def pictures(self) -> tuple[str, ...]:
        """Names of P pictures of a row whose maps lie one behind the other, [P·B, D, H, W]; empty: of one.

        Known after `build`.
        """
        found = (module.names for module in self.modules() if isinstance(module, SeveralPictures))
        return next(found, ())

    @abstractmethod
    def widths(self) -> dict[str, int]:
        """Return the width D of each task's representation. Known after `build`."""

    @abstractmethod
    def task_modules(self, task: str) -> list[nn.Module]:
        """Return the modules that only this task uses, so that everything else counts as shared."""

    @final
    def task_parameters(self, task: str) -> list[nn.Parameter]:
        """Return the parameters that only this task uses, frozen ones too."""
        own = {one: self.task_modules(one) for one in self.tasks}
        users = parameter_users(self, own)
        found = {id(p): p for module in own[task] for p in module.parameters() if users[id(p)] == {task}}
        return list(found.values())

    @final
    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that more than one task can use (with one task: all that are not its own).

        None where nothing is shared. Frozen ones are among them, for they may learn later: `Balance` leaves
        them out of each step in which they are frozen.
        """
        own = {id(parameter) for task in self.tasks for parameter in self.task_parameters(task)}
        return [parameter for parameter in self.parameters() if id(parameter) not in own]

    def penalty(self) -> Tensor:
        """Return a scalar to add to the loss; 0 unless the architecture regularises."""
        return torch.zeros(())

    def set_progress(self, fraction: float) -> None:
        """Take note of how much of the training is done, in [0, 1]: what a schedule in here goes by."""

    def health(self) -> Health:
        """Return how gates and experts fared in training since the last `reset_health`; default nothing."""
        return Health()

    def attach(self, heads: Mapping[str, nn.Module]) -> None:
        """Take note of the tasks' heads, for an architecture in which a task reads others' predictions."""

    def refine(self, task: str, representation: Tensor, outputs: Mapping[str, Tensor]) -> Tensor:
        """Return what the task's head reads, given the outputs of the tasks before it; default: as it is."""
        return representation

    def refined_by(self, task: str) -> tuple[str, ...]:
        """Return the tasks whose outputs `refine` reads for this one; default none."""
        return ()

    @final
    def health_state(self) -> dict[str, Tensor]:
        """Return what was counted so far, so that a fit that is resumed counts on."""
        return {
            f"{name}.{key}": value.clone()
            for name, module in self.named_modules()
            if isinstance(module, Meter)
            for key, value in module.named_buffers()
        }

    @final
    def load_health_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on counting from what `health_state` gave."""
        for name, value in state.items():
            self.get_buffer(name).copy_(value)

    @final
    def reset_health(self) -> None:
        """Start counting anew, for example at the start of an epoch."""
        for module in self.modules():
            if isinstance(module, Meter):
                module.reset()


def require_progress(named: str) -> NoReturn:
    """Refuse a penalty that would be 0 for the whole training.

    Args:
        named: the architecture with the option that goes by the progress.

    Raises:
        InvalidArgumentError: always.
    """
    raise InvalidArgumentError(
        f"{named} goes by the progress of the training and was told none, so that its penalty would stay 0: "
        "call sharing.set_progress(step / n_steps) before each step."
    )
