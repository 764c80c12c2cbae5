"""Sizes that a file claims, checked before memory is taken for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from cotrain._base import RunError

#: An architecture may make modules that it does not keep: so many times the parameters of the run.
SPARE = 8


def require_sizes(
    build: Callable[[], nn.Module], weights: Sequence[Mapping[str, Tensor]], run: object
) -> None:
    """See that the network that a run describes is the one whose weights lie beside the description.

    It is built without memory for its values first, and no further than the weights can fill.

    Args:
        build: makes the network.
        weights: what was read, of which the file's length is the measure.
        run: of which folder, for the error.

    Raises:
        RunError: the description asks for another network than the weights are of.
    """
    described = RunError(
        f"{run} is damaged: its configuration and schema describe another network than its weights."
    )
    most, thread, made = SPARE * max(len(one) for one in weights) + 100, threading.get_ident(), [0]

    def count(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        if threading.get_ident() == thread:
            made[0] += 1
            if made[0] > most:
                raise described

    handle = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"), torch.random.fork_rng(devices=[]):
            shapes = {name: tuple(tensor.shape) for name, tensor in build().state_dict().items()}
    except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise described from error
    finally:
        handle.remove()
    if any({name: tuple(tensor.shape) for name, tensor in one.items()} != shapes for one in weights):
        raise described
