"""Several ranks as threads of one process: what they send one another goes through memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor


def on_ranks(monkeypatch: pytest.MonkeyPatch, n_ranks: int, function: Callable[[int], Any]) -> list[Any]:
    """Return what `function(rank)` gives on each rank."""
    barrier, here = threading.Barrier(n_ranks), threading.local()
    sent: list[Any] = [None] * n_ranks
    results: list[Any] = [None] * n_ranks
    errors: list[BaseException] = []

    def exchange(tensor: Tensor) -> list[Tensor]:
        sent[here.rank] = tensor.detach().clone()
        barrier.wait()
        everything = list(sent)
        barrier.wait()
        return everything

    def all_reduce(tensor: Tensor, op: Any = dist.ReduceOp.SUM) -> None:
        parts = torch.stack(exchange(tensor))
        tensor.copy_(parts.amin(0) if op == dist.ReduceOp.MIN else parts.sum(0))

    def reduce_scatter(mine: Tensor, whole: Tensor) -> None:
        mine.copy_(torch.stack(exchange(whole)).sum(0).chunk(n_ranks)[here.rank])

    def all_gather(whole: Tensor, part: Tensor) -> None:
        whole.copy_(torch.cat(exchange(part)))

    def run(rank: int) -> None:
        here.rank = rank
        try:
            results[rank] = function(rank)
        except BaseException as error:  # whatever it is, the other ranks must not wait for this one
            errors.append(error)
            barrier.abort()

    with monkeypatch.context() as patched:
        patched.setattr(dist, "is_initialized", lambda: True)
        patched.setattr(dist, "get_world_size", lambda: n_ranks)
        patched.setattr(dist, "all_reduce", all_reduce)
        for names, replacement in (
            (("reduce_scatter_single", "reduce_scatter_tensor"), reduce_scatter),
            (("all_gather_single", "all_gather_into_tensor"), all_gather),
        ):
            for name in names:
                patched.setattr(dist, name, replacement, raising=False)
        threads = [threading.Thread(target=run, args=(rank,)) for rank in range(n_ranks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if errors:
        raise next((e for e in errors if not isinstance(e, threading.BrokenBarrierError)), errors[0])
    return results
