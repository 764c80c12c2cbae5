"""What every step asks about the processes; the rest, which only several need, is in `_distributed`."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


def world_size() -> int:
    """Return the number of ranks, 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_ddp(model: nn.Module | None) -> bool:
    """Return whether the model is wrapped in `DistributedDataParallel`."""
    return isinstance(model, DistributedDataParallel)


def all_true(flags_A: Tensor) -> Tensor:
    """Return which flags are set on every rank."""
    if world_size() == 1:
        return flags_A
    counts = flags_A.to(torch.int32)
    dist.all_reduce(counts, op=dist.ReduceOp.MIN)
    return counts > 0
