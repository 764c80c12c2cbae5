"""Look at a batch once more without leaving a trace."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import torch
from torch import Tensor, nn


class ReplayForward:
    """A block in which the model is run once more on the batch that it has just seen.

    Methods that compare the losses before and after an update (FAMO; `balancer.observes_update`) run the
    forward pass twice. Inside the block dropout draws what it drew the first time, so that the difference
    comes from the update alone; afterwards running statistics of normalisation layers (and all other
    buffers) and the random streams are as if the batch had been seen once. No graph is built.

    Args:
        model: the network. Make the object before the first forward pass, use it after the update.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Dropout())
        >>> x = torch.randn(4, 2)
        >>> again = ReplayForward(model)
        >>> first = model(x)
        >>> with again:
        ...     second = model(x)
        >>> torch.equal(first, second), int(model[0].num_batches_tracked)
        (True, 1)
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        parameter = next(model.parameters(), torch.zeros(()))
        self._cuda = parameter.device if parameter.device.type == "cuda" else None
        self._first = self._random_state()
        self._after: list[Tensor] = []
        self._buffers: list[tuple[nn.Module, str, Tensor, Tensor]] = []
        self._grad = torch.no_grad()

    def __enter__(self) -> Self:
        self._after = self._random_state()
        self._set_random_state(self._first)
        self._buffers = [
            (module, name, buffer, buffer.clone())
            for module in self.model.modules()
            for name, buffer in module.named_buffers(recurse=False)
        ]
        self._grad.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for module, name, buffer, values in self._buffers:
            setattr(module, name, buffer.copy_(values))
        self._buffers.clear()
        self._set_random_state(self._after)
        self._grad.__exit__(kind, error, trace)

    def _random_state(self) -> list[Tensor]:
        states = [torch.get_rng_state()]
        return states if self._cuda is None else [*states, torch.cuda.get_rng_state(self._cuda)]

    def _set_random_state(self, states: list[Tensor]) -> None:
        torch.set_rng_state(states[0])
        if self._cuda is not None:
            torch.cuda.set_rng_state(states[1], self._cuda)
