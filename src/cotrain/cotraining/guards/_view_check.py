"""Whether two views are such as co-training wants: each knows something, and they err by themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import final

import torch
from torch import Tensor

from cotrain.cotraining._entries import class_counts, entries, known_entries
from cotrain.cotraining._predictions import Prediction, class_targets, n_classes
from cotrain.cotraining.guards._held_out import HeldOut
from cotrain.tasks import Task

#: Standard errors from which on a dependence, or a lack of knowledge, is believed.
SURE = 2.0


@final
class ViewCheck:
    """Holds predictions of two views, made by fits that did not see the labels, against one another.

    A view *knows nothing* of a task if its loss on held-out labels is not lower than that of the class shares
    (or of the mean) by one standard error. Two views *depend on each other* given the class if

        Σ_i (w_1i − ε_1(y_i)) (w_2i − ε_2(y_i)) / √Σ_i (·)² > 2,

    where w_vi = 1 if view v is wrong on the labelled row i and ε_v(c) is its share of wrong rows of class c;
    or if they agree on unlabelled rows more often than independent views with the same errors would,

        a − Σ_c π_c Σ_k A_ck B_ck > 2 standard errors,

    with the confusion matrices A and B of the two views on held-out labels, and the class shares π.

    Args:
        task: of classes or labels; of numbers only the first part is asked.
        first: the first view's predictions of the labelled rows, from fits that did not see them.
        second: those of the second view.
        pool: both views' predictions of unlabelled rows.

    Source: independence given the class is the premise of Blum & Mitchell, 1998,
    https://doi.org/10.1145/279943.279962; that the agreement of such views tells their errors is shown in
    Dasgupta, Littman & McAllester, "PAC Generalization Bounds for Co-training", 2001.
    """

    def __init__(
        self, task: Task, first: HeldOut, second: HeldOut, pool: tuple[Prediction, Prediction] | None = None
    ) -> None:
        self.task = task
        self.views = (first, second)
        self.pool = pool

    def objection(self, names: Sequence[str]) -> str:
        """Say what speaks against these views; "" if nothing does."""
        for name, held in zip(names, self.views, strict=True):
            if not held.gain(self.task, held.predictions[0], self._constant(held)).exceeds(1.0):
                return f"view {name!r} knows no more of {self.task.name!r} than a constant"
        if not self.task.has_classes:
            return ""
        if self.joint_errors() > SURE or self.agreement_beyond_chance() > SURE:
            return f"the views depend on each other given the class of {self.task.name!r}"
        return ""

    def joint_errors(self) -> float:
        """Return how many standard errors the views err together more often than independent ones."""
        classes, known, wrong = self._errors()
        products = []
        for t in range(classes.shape[1]):
            residuals = torch.ones_like(wrong[0][:, t])
            for one in wrong:
                residual = one[:, t].clone()
                for c in classes[known[:, t], t].unique():
                    rows = known[:, t] & (classes[:, t] == c)
                    residual[rows] -= residual[rows].mean()
                residuals = residuals * residual
            products.append(residuals[known[:, t]])
        found = torch.cat(products)
        spread = float(found.square().sum().sqrt())
        return float(found.sum()) / spread if spread > 0 else 0.0

    def agreement_beyond_chance(self) -> float:
        """Return how many standard errors the views agree more often on the pool than independent ones."""
        if self.pool is None:
            return 0.0
        classes, known, _ = self._errors()
        n = n_classes(self.task)
        worst = -math.inf
        for t in range(classes.shape[1]):
            rows = torch.nonzero(known[:, t]).flatten()
            y = classes[rows, t]
            predicted = [held.predictions[0].classes()[rows, t] for held in self.views]
            expected = _agreement_if_independent(y, predicted, n)
            generator = torch.Generator().manual_seed(0)
            draws = []
            for _ in range(100):
                kept = torch.randint(0, len(rows), (len(rows),), generator=generator)
                draws.append(_agreement_if_independent(y[kept], [one[kept] for one in predicted], n))
            error = float(torch.tensor(draws).std())
            both = [one.classes()[:, t] for one in self.pool]
            seen = float((both[0] == both[1]).double().mean())
            chance = math.sqrt(max(seen * (1 - seen), 1e-4) / max(1, len(both[0])))
            worst = max(worst, (seen - expected) / math.hypot(error, chance, 1e-3))
        return worst

    def _errors(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        first = self.views[0]
        classes = class_targets(self.task, first.targets)
        known = known_entries(self.task, first.mask) & (classes < n_classes(self.task))
        return classes, known, [(held.predictions[0].classes() != classes).double() for held in self.views]

    def _constant(self, held: HeldOut) -> Prediction:
        if not self.task.has_classes:
            targets = entries(self.task, held.targets).float()
            return Prediction(values=targets.mean(dim=0).expand(targets.shape))
        n = n_classes(self.task)
        classes = class_targets(self.task, held.targets)
        known = known_entries(self.task, held.mask) & (classes < n)
        counts = class_counts(classes, known, n)
        shares = counts / counts.sum(dim=-1, keepdim=True).clamp(min=1)
        # As the view's own prediction is divided into rows.
        return replace(held.predictions[0], probabilities=shares.expand(len(classes), -1, -1))


def _agreement_if_independent(classes: Tensor, predicted: Sequence[Tensor], n: int) -> float:
    """Return Σ_c π_c Σ_k A_ck B_ck, each row of the confusion matrices having half a label more per class."""
    total = 0.0
    for c in range(n):
        rows = classes == c
        if bool(rows.any()):
            shares = [
                (torch.bincount(one[rows], minlength=n).double() + 0.5 / n) / (int(rows.sum()) + 0.5)
                for one in predicted
            ]
            total += float(rows.double().mean() * (shares[0] * shares[1]).sum())
    return total
