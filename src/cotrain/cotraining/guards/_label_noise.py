"""True labels that are probably wrong: confident learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cotrain._base import ROUNDING, at_least, first_largest, tie_groups
from cotrain._base._ragged import Leaf
from cotrain.cotraining._entries import known_entries, like, mask_entries
from cotrain.cotraining._predictions import Prediction, class_targets, n_classes
from cotrain.tasks import Task
from cotrain.training import Examples

#: Of a class's labels so many may be doubted: with more the doubt falls on the model that doubts.
MOST_OF_A_CLASS = 0.5
#: Standard errors by which a model must tell the classes apart before it may doubt any label.
SURE = 1.645


def label_issues(task: Task, prediction: Prediction, targets: Leaf, mask: Leaf) -> Tensor:
    """Return which labels are probably wrong, bool [N, T]; never a number or a text.

    A label y of a row x is doubted if another class j is confidently there,

        j = argmax over {j : p_j(x) ≥ t_j} of p_j(x) ≠ y,   t_j = mean of p_j(x) over the rows labelled j,

    which counts the off-diagonal of the confident joint. Of a class at most half of the labels are doubted,
    those with the largest p_j - p_y.

    Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021,
    https://arxiv.org/abs/1911.00068. The bound per class is ours.

    Args:
        task: fitted.
        prediction: of the N rows by models that have not learned from the row's own labels.
        targets: [N, T] coded, or N rows of entries.
        mask: of the same layout, > 0 where there is a label.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Binary
        >>> task = Binary("sold")
        >>> task.fit(pl.DataFrame({"sold": [0, 0, 0, 1, 1, 1]}))
        >>> targets, mask = task.encode(pl.DataFrame({"sold": [0, 0, 0, 1, 1, 1]}))
        >>> yes = torch.tensor([0.1, 0.2, 0.95, 0.9, 0.8, 0.9])[:, None]
        >>> said = Prediction(probabilities=torch.stack([1 - yes, yes], dim=-1))
        >>> label_issues(task, said, targets, mask).flatten().tolist()
        [False, False, True, False, False, False]
    """
    known_labels = known_entries(task, mask)
    doubted = torch.zeros_like(known_labels)
    if prediction.probabilities is None or prediction.heard is not None or not prediction.is_finite():
        return doubted
    classes, n = class_targets(task, targets), n_classes(task)
    for t in range(classes.shape[1]):
        p, of_row = prediction.probabilities[:, t].double(), classes[:, t]
        known = known_labels[:, t] & (of_row < n)
        by_class = [known & (of_row == c) for c in range(n)]
        least = torch.stack(
            [p[rows, c].mean() if bool(rows.any()) else p.new_tensor(2.0) for c, rows in enumerate(by_class)]
        )
        # A mean of equal values is off by its rounding: whoever is as sure everywhere reaches it everywhere.
        reached = p >= least * at_least(1.0)
        other = first_largest(torch.where(reached, p, 0.0))
        said = p.gather(1, torch.stack([other, of_row.clamp(max=n - 1)], dim=1))
        margin = said[:, 0] - said[:, 1]
        suspected = known & reached.any(dim=1) & (other != of_row)
        for rows in by_class:
            found = torch.nonzero(suspected & rows).flatten()
            most = int(MOST_OF_A_CLASS * int(rows.sum()))
            ranks = torch.from_numpy(tie_groups(margin[found].numpy(), ROUNDING))
            worst = found[ranks.argsort(descending=True, stable=True)]
            doubted[worst[:most], t] = True
    return doubted


def tells_apart(task: Task, prediction: Prediction, targets: Leaf, mask: Leaf) -> bool:
    """Return whether a model says a row's own label more surely than labels at random, beyond chance.

        mean_i d_i > 1.645 σ(d) / √n,     d_i = p_i(y_i) - Σ_c s_c p_i(c),

    s_c being the share of class c among the n labels: 0 for whoever says the same of all rows. Confident
    learning asks no such thing, and takes half of all classes but the likeliest from such a model.

    Args:
        task: see `label_issues`, as the others.
        prediction: of the N rows.
        targets: of the task.
        mask: of the same layout.
    """
    if prediction.probabilities is None or prediction.heard is not None or not prediction.is_finite():
        return False
    classes, n = class_targets(task, targets), n_classes(task)
    known = known_entries(task, mask) & (classes < n)
    excess = []
    for t in range(classes.shape[1]):
        p, of_row = prediction.probabilities[known[:, t], t].double(), classes[known[:, t], t]
        shares = torch.bincount(of_row, minlength=n).double() / max(1, len(of_row))
        excess.append(p.gather(1, of_row[:, None])[:, 0] - p @ shares)
    d = torch.cat(excess)
    return len(d) > 1 and float(d.mean()) > max(ROUNDING, SURE * float(d.std()) / len(d) ** 0.5)


def without_issues(
    tasks: Sequence[Task], examples: Examples, predictions: Mapping[str, Prediction]
) -> tuple[Examples, dict[str, int]]:
    """Return rows in which doubted labels count as missing, and how many of each task these are.

    A model that does not tell a task's classes apart, see `tells_apart`, doubts none of its labels.

    Args:
        tasks: fitted.
        examples: N rows, which stay as they are.
        predictions: task -> see `label_issues`; a task that is absent keeps its labels.
    """
    masks, counts = dict(examples.masks), {}
    for task in tasks:
        mask = masks[task.name]
        if task.name in predictions:
            said = predictions[task.name], examples.targets[task.name], mask
            doubted = label_issues(task, *said)
            if not tells_apart(task, *said):
                doubted = torch.zeros_like(doubted)
            weights = mask_entries(task, mask)
            masks[task.name] = like(mask, torch.where(doubted, torch.zeros_like(weights), weights))
            counts[task.name] = int(doubted.sum())
    return replace(examples, masks=masks), counts
