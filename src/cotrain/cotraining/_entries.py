"""Targets and masks of any layout as entries [M, T], which is what co-training works on.

Shapes: N rows, T targets of a task that reads one vector a row, M entries. Of such a task the entries are its
rows, M = N. Where a task has an answer for every word or pixel they are these, of all rows one after the
other, and T = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Leaf, PaddedPlaces, Ragged, labelled_rows
from cotrain.cotraining._hypotheses import as_wide_as_each_other
from cotrain.tasks import Task
from cotrain.training import Examples


def can_be_labelled(task: Task) -> bool:
    """Say whether co-training can label the rows of a task in any way.

    Example:
        >>> from cotrain.tasks import Binary, DenseRegression
        >>> can_be_labelled(Binary("sold")), can_be_labelled(DenseRegression("depth"))
        (True, False)
    """
    return _whole(task) or task.entry_labelling() is not None


def require_entries(tasks: Sequence[Task]) -> None:
    """Refuse tasks none of which co-training can label; where it can label some, it leaves the others.

    Raises:
        InvalidArgumentError: every task has many answers a row, and is labelled in no way.

    Example:
        >>> from cotrain.tasks import Binary
        >>> require_entries([Binary("sold")])
    """
    if not any(map(can_be_labelled, tasks)):
        task = tasks[0]
        raise InvalidArgumentError(
            f"Co-training labels rows, their texts or boxes, or words and pixels one by one, but "
            f"{type(task).__name__}({task.name!r}) has many answers a row that are labelled in none of "
            "these ways: leave cotraining out, or add a task that it can label."
        )


def require_one_vector(
    who: str, tasks: Sequence[Task], *, instead: str = "a strategy of networks, such as Committee"
) -> None:
    """Refuse tasks with an answer for every entry where rows are labelled as wholes.

    Raises:
        InvalidArgumentError: a task reads something else than one vector of a row.
    """
    for task in tasks:
        if task.reads != "vector":
            many = "is heard by networks" if task.hypothesis_labelling() else "has many answers a row"
            raise InvalidArgumentError(
                f"{who} labels whole rows, but {type(task).__name__}({task.name!r}) {many}: "
                f"take {instead}, or take the task out."
            )


def entries(task: Task, leaf: Leaf) -> Tensor:
    """Return targets of N rows as entries [M, T]; of texts 1, since all true ones are right."""
    if task.hypothesis_labelling() is not None:
        return torch.ones(len(leaf), 1, dtype=torch.int64)
    things = task.row_labelling()
    if things is not None and isinstance(leaf, Tensor) and leaf.dim() > 2:
        return things.present(leaf)
    return mask_entries(task, leaf)


def mask_entries(task: Task, leaf: Leaf) -> Tensor:
    """Return a mask, or weights, of N rows as entries [M, T]."""
    if isinstance(leaf, Ragged):
        return leaf.values.reshape(-1, 1)
    # Of things a mask says of every kind whether it was looked for, of texts whether there is one.
    return leaf if _whole(task) else leaf.reshape(-1, 1)


def known_entries(task: Task, mask: Leaf) -> Tensor:
    """Return which entries have a label, bool [M, T], of a mask or weights of N rows."""
    return mask_entries(task, mask) > 0


def offsets_of(task: Task, leaf: Leaf) -> Tensor | None:
    """Return where the entries of each row begin, int64 [N + 1]; `None`: a row is one entry."""
    if isinstance(leaf, Ragged):
        return leaf.offsets
    return None if _whole(task) else torch.arange(len(leaf) + 1) * leaf[:1].numel()


def class_counts(classes: Tensor, where: Tensor, n: int) -> Tensor:
    """Return how often each of n classes is among the entries `where`, float32 [T, C].

    Args:
        classes: int64 [M, T]; what is above n - 1 counts as that.
        where: bool [M, T].
        n: number of classes C.

    Example:
        >>> class_counts(torch.tensor([[0], [2], [2]]), torch.tensor([[True], [True], [False]]), 3)
        tensor([[1., 0., 1.]])
    """
    n_targets = classes.shape[1]
    places = classes.clamp(max=n - 1) + n * torch.arange(n_targets)
    return torch.bincount(places[where], minlength=n_targets * n).reshape(n_targets, n).float()


def row_of_entry(offsets: Tensor | None, n_rows: int) -> Tensor:
    """Return the row of each entry, int64 [M]."""
    rows = torch.arange(n_rows)
    return rows if offsets is None else rows.repeat_interleave(offsets.diff())


def of_lengths(leaf: Ragged, lengths: Tensor) -> Ragged:
    """Return targets or a mask with so many entries a row: what is missing is 0, what is too much is cut.

    A row without a label need not say how many words it has, and co-training labels every one of them.

    Args:
        leaf: N ragged rows.
        lengths: int64 [N].

    Example:
        >>> rows = Ragged.from_rows([torch.tensor([True]), torch.tensor([True])])
        >>> of_lengths(rows, torch.tensor([0, 2])).values
        tensor([ True, False])
    """
    places = PaddedPlaces(leaf.offsets[:-1], leaf.lengths, int(lengths.max()) if len(lengths) else 0)
    return Ragged.from_padded(places.of(leaf.values), lengths)


def like(leaf: Leaf, values: Tensor) -> Leaf:
    """Return entries [M, T] in the layout of targets or a mask."""
    return leaf.map(lambda _: values[:, 0]) if isinstance(leaf, Ragged) else values.reshape(leaf.shape)


def as_float(leaf: Leaf) -> Leaf:
    """Return a mask as weights."""
    return leaf.map(Tensor.float) if isinstance(leaf, Ragged) else leaf.float()


def is_labelled(leaf: Leaf) -> bool:
    """Say whether a mask has any label."""
    return bool(labelled_rows(leaf).any())


def padded_rows(part: Tensor, offsets: Tensor | None) -> Tensor:
    """Return entries [M, 1, ...] as padded rows [N, S, ...]; entries that are rows as they are."""
    return part if offsets is None else Ragged(part[:, 0], offsets).padded()


def stacked(parts: Sequence[Leaf]) -> Leaf:
    """Return rows below one another; lists of things and texts that are shorter are filled up."""
    ragged = [part for part in parts if isinstance(part, Ragged)]
    if ragged:
        return Ragged.cat(ragged)
    tensors = [part for part in parts if isinstance(part, Tensor)]
    widest = max(tensor.shape[1] for tensor in tensors)
    if tensors[0].dim() == 2:
        return torch.cat(as_wide_as_each_other(tensors))
    return torch.cat([with_room(tensor, widest) if tensor.dim() == 3 else tensor for tensor in tensors])


def with_room(targets: Tensor, width: int) -> Tensor:
    """Return lists of things [N, M, D] with as many places as `width`, if they have fewer; −1: there is none.

    Example:
        >>> with_room(torch.zeros(1, 1, 6), 3)[..., 4].tolist()
        [[0.0, -1.0, -1.0]]
    """
    missing = max(0, width - targets.shape[1])
    return torch.nn.functional.pad(targets, (0, 0, 0, missing), value=-1.0)


def with_room_for_things(tasks: Sequence[Task], examples: Examples) -> Examples:
    """Return rows whose lists of things have places for all those that a teacher may find besides."""
    targets = dict(examples.targets)
    for task in tasks:
        things, leaf = task.row_labelling(), targets[task.name]
        if things is not None and isinstance(leaf, Tensor):
            targets[task.name] = with_room(leaf, leaf.shape[1] + things.most)
    return replace(examples, targets=targets)


def as_wide(leaf: Leaf, like: Leaf) -> Leaf:
    """Return lists of things with as many places as others have; what is no list as it is."""
    if isinstance(leaf, Tensor) and isinstance(like, Tensor) and leaf.dim() == like.dim() == 3:
        return with_room(leaf, like.shape[1])
    return leaf


def _whole(task: Task) -> bool:
    """Say whether a row is one entry."""
    ways = (task.row_labelling(), task.hypothesis_labelling())
    return task.reads == "vector" or any(way is not None for way in ways)


def metric_arrays(task: Task, targets: Leaf, mask: Leaf) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and mask as the task's metrics want them, entries of a row padded, [N, T] or [N, S].

    Where the task has a column of weights, these stand in the place of the mask.
    """
    known = known_entries(task, mask) if task.weight_column is None else mask_entries(task, mask)
    listed = task.row_labelling() is not None or task.hypothesis_labelling() is not None
    if listed and isinstance(targets, Tensor):
        return task.original(targets).double().numpy(), known.numpy()
    offsets = offsets_of(task, targets)
    truth = padded_rows(task.original(entries(task, targets)), offsets).double().numpy()
    return truth, padded_rows(known, offsets).numpy()
