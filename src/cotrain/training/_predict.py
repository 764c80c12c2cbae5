"""A network's outputs on many rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Leaf, Leaves, Ragged, padded_inputs
from cotrain.networks import MultiTaskNetwork

#: Most input values of a batch: 16 MB of float32. The first maps of an encoder take ten times as much.
ROOM = 2**22


def outputs_of(
    model: MultiTaskNetwork,
    inputs: Leaves,
    batch_size: int = 1024,
    *,
    tasks: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return each task's outputs on all rows, on the host; see `output_batches`.

    Returns:
        task -> tensor [N, O]; where a task has an output for every position, N ragged rows of values [O]. A
        task that needs other inputs than these is left out.
    """
    return joined_outputs(output_batches(model, inputs, batch_size, tasks=tasks))


def joined_outputs(batches: Iterable[tuple[slice, Leaves]]) -> dict[str, Any]:
    """Return each task's outputs on all rows, of those on some rows each in their order."""
    parts: dict[str, list[Leaf]] = {}
    for _, outputs in batches:
        for task, output in outputs.items():
            parts.setdefault(task, []).append(output)
    return {task: _joined(pieces) for task, pieces in parts.items()}


def output_batches(
    model: MultiTaskNetwork,
    inputs: Leaves,
    batch_size: int = 1024,
    *,
    tasks: Collection[str] | None = None,
) -> Iterator[tuple[slice, dict[str, Any]]]:
    """Give each task's outputs some rows at a time, on the host, so that they need not be held for all rows.

    Args:
        model: the network; put into evaluation mode and back, unless it is in that mode already: then nothing
            of it is touched.
        inputs: name -> tensor [N, ...] or N ragged rows.
        batch_size: rows at a time; at least 1024 are used, since no gradients are kept, and fewer where rows
            are large, such as pictures.
        tasks: whose outputs are asked for; `None`: all.

    Returns:
        Rows, and task -> tensor [B, O], or B ragged rows of values [O], on them. There is at least one batch.
    """
    for rows, (outputs,) in batches_of([model], inputs, batch_size, tasks=tasks):
        yield rows, outputs


def batches_of(
    models: Sequence[MultiTaskNetwork],
    inputs: Leaves,
    batch_size: int = 1024,
    *,
    tasks: Collection[str] | None = None,
) -> Iterator[tuple[slice, list[dict[str, Any]]]]:
    """Give what several networks say of the same rows, which are decoded and padded once.

    Args:
        models: networks of one architecture, at least one; see `output_batches`.
        inputs: see `output_batches`.
        batch_size: see `output_batches`.
        tasks: see `output_batches`.

    Returns:
        Rows, and for each network task -> its outputs on them.
    """
    n_rows = len(next(iter(inputs.values())))
    size = rows_at_a_time(inputs, batch_size, max(_maps_of_a_value(model) for model in models))
    for start in range(0, max(n_rows, 1), size):
        rows = slice(start, start + size)
        batch = padded_inputs({name: leaf[rows] for name, leaf in inputs.items()})
        yield rows, [_in_evaluation_mode(model, batch, tasks) for model in models]


def _in_evaluation_mode(
    model: MultiTaskNetwork, batch: Mapping[str, Tensor], tasks: Collection[str] | None
) -> dict[str, Leaf]:
    was_training = model.training
    if was_training:
        model.eval()
    try:
        return _outputs(model, batch, tasks)
    finally:
        if was_training:
            model.train()


@torch.inference_mode()
def _outputs(
    model: MultiTaskNetwork, batch: Mapping[str, Tensor], tasks: Collection[str] | None = None
) -> dict[str, Leaf]:
    device = next(model.parameters()).device
    batch = {name: tensor.to(device) for name, tensor in batch.items()}
    lengths = model.lengths(batch)
    found: dict[str, Leaf] = {}
    asked = () if tasks is None else ([task for task in model.answerable(batch) if task in tasks],)
    for task, output in model(batch, *asked).items():
        of_rows, on_host = lengths.get(task), output.float().cpu()
        found[task] = on_host if of_rows is None else Ragged.from_padded(on_host, of_rows.cpu())
    return found


def rows_at_a_time(inputs: Leaves, batch_size: int, maps: int = 1) -> int:
    """Return how many rows a batch has where no gradients are kept.

    Args:
        inputs: name -> tensor [N, ...] or N ragged rows.
        batch_size: rows of a batch in training.
        maps: how many times the usual the network makes of an input value.
    """
    of_row = max(1, int(maps * sum(_values_of_row(leaf) for leaf in inputs.values())))
    return min(max(batch_size, 1024), max(1, ROOM // of_row))


def _maps_of_a_value(model: MultiTaskNetwork) -> int:
    """Return how many times the usual a network makes of an input value, as its widest stage says."""
    return max((int(getattr(stage, "maps_of_a_value", 1)) for stage in model.modules()), default=1)


def _values_of_row(leaf: Leaf | Lazy) -> float:
    if isinstance(leaf, Lazy):
        return leaf.row(0).numel() if len(leaf) else 0
    return (leaf.values if isinstance(leaf, Ragged) else leaf).numel() / max(1, len(leaf))


def _joined(pieces: list[Leaf]) -> Leaf:
    ragged = [piece for piece in pieces if isinstance(piece, Ragged)]
    return (
        Ragged.cat(ragged) if ragged else torch.cat([piece for piece in pieces if isinstance(piece, Tensor)])
    )
