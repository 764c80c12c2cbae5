"""Which rows of the batch each task sends a gradient into: with missing labels, not all.

Shapes: K tasks, B rows of the batch, R rows of a layer (batch times positions), N kept pairs of task and row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cotrain.gradients.graph._structured_gradients import StructuredGradient
from cotrain.gradients.graph._task_graph import Edge
from cotrain.gradients.rules._buffer_pool import BufferPool

#: More kept rows than this share are not worth the trouble.
_FEW_ENOUGH = 0.8
#: What it costs to copy a number, in multiplications.
_COPIED = 10
#: What the calls cost that pack and unpack the rows of a layer.
_CALLED = 2_000_000


def touched_rows(
    entering: Mapping[Edge, Mapping[int, StructuredGradient]], n_tasks: int
) -> np.ndarray | None:
    """Return which rows may differ from 0 in what each task sends, [K, B]; `None`: no one batch, or no row.

    On an accelerator this waits for it once.

    Args:
        entering: what the tasks send, by entrance.
        n_tasks: K.
    """
    everything = [sent for tasks in entering.values() for sent in tasks.values()]
    batches = {(*sent.shape[:1], sent.like.device) for sent in everything}
    if len(batches) != 1 or not everything[0].shape or not everything[0].shape[0]:
        return None
    tasks: list[int] = []
    columns: list[Tensor] = []
    for parts in entering.values():
        tasks += parts
        columns += [part.touched_B1() for part in parts.values()]
    found = (torch.cat(columns, 1) != 0).cpu().numpy().T
    if tasks == list(range(n_tasks)):
        return found
    touched_KB = np.zeros((n_tasks, found.shape[1]), dtype=bool)
    for task, found_B in zip(tasks, found, strict=True):
        touched_KB[task] |= found_B
    return touched_KB


@dataclass(frozen=True)
class PackedRows:
    """The kept rows of K gradients of a layer's output.

    Args:
        numbers_N: their places among the K·R rows, ascending.
        rows: their places among the R rows, by task.
        deltas_NO: the gradients.
        deltas: the same, by task.
    """

    numbers_N: Tensor
    rows: tuple[Tensor, ...]
    deltas_NO: Tensor
    deltas: tuple[Tensor, ...]


class RowSparsity:
    """The rows of each task that may differ from 0, on the way through layers that keep the rows apart.

    Args:
        touched_KB: booleans.
        mixed: tells, when a layer is wide enough to ask, whether some layer mixes the rows.
    """

    def __init__(self, touched_KB: np.ndarray, mixed: Callable[[], bool]) -> None:
        self._touched_KB = touched_KB
        self._left_out = 1 - float(touched_KB.mean())
        self._mixed = mixed
        self._apart: bool | None = None
        self._places: dict[int, tuple[Tensor, tuple[Tensor, ...], list[int]]] = {}

    @classmethod
    def worth_it(cls, touched_KB: np.ndarray) -> bool:
        """Return whether enough rows are left out."""
        return bool(touched_KB.mean() < _FEW_ENOUGH)

    def pack(self, deltas_KRO: Tensor, n_in: int, workspace: BufferPool) -> PackedRows | None:
        """Return the kept rows, or `None` where a product with all of them is cheaper.

        Args:
            deltas_KRO: gradients of the output.
            n_in: inputs of the layer.
            workspace: memory for the rows.
        """
        n_tasks, n_rows, n_out = deltas_KRO.shape
        saved = self._left_out * n_tasks * n_rows * n_in * n_out
        if saved < _COPIED * n_tasks * n_rows * (n_in + n_out) + _CALLED:
            return None
        if self._apart is None:
            self._apart = not self._mixed()
        if not self._apart or n_rows % self._touched_KB.shape[1]:
            return None
        numbers_N, rows, counts = self._places_among(n_rows)
        deltas_NO = workspace.take((len(numbers_N), n_out), deltas_KRO)
        torch.index_select(deltas_KRO.reshape(-1, n_out), 0, numbers_N, out=deltas_NO)
        return PackedRows(numbers_N, rows, deltas_NO, deltas_NO.split(counts))

    def _places_among(self, n_rows: int) -> tuple[Tensor, tuple[Tensor, ...], list[int]]:
        held = self._places.get(n_rows)
        if held is None:
            repeated_KR = self._touched_KB.repeat(n_rows // self._touched_KB.shape[1], axis=1)
            numbers_N = torch.from_numpy(repeated_KR.ravel().nonzero()[0])
            counts = repeated_KR.sum(1).tolist()
            held = self._places[n_rows] = numbers_N, (numbers_N % n_rows).split(counts), counts
        return held
