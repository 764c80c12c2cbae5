"""Which round answers for a task, and how far class shares may move on the way there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import DataError, numpy_generator
from cotrain._base._ragged import labelled_rows
from cotrain.cotraining._entries import class_counts, metric_arrays, offsets_of, row_of_entry
from cotrain.cotraining._hypotheses import Hypotheses, as_wide_as_each_other, symbol_shares
from cotrain.cotraining._predictions import Prediction, class_targets, n_classes, true_units
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining._units import Units
from cotrain.cotraining.guards._held_out import HeldOut
from cotrain.cotraining.peers import FittedPeer
from cotrain.evaluation import paired_bootstrap
from cotrain.tasks import Task
from cotrain.training import Examples

#: One standard error is half the width of this interval.
ONE_SIGMA = 0.6827

#: How many times the margin a round of numbers must be better. The standard error of cross-fitted differences
#: is too small by a factor of about 1.6, since the folds learn from much the same labels (Nadeau & Bengio,
#: "Inference for the Generalization Error", 2003, https://doi.org/10.1023/A:1024068626366). Of classes
#: the margin itself was seen to be enough; of numbers under noise of Student's t with 2 degrees 10.6 %
#: of 104 runs lost at half a standard error, 6.7 % at one and 4.8 % at one and a half, and the mean gain was
#: largest there, with 6 of 11 gains of three points kept at each of the three. Huber's, clipped and squared
#: errors, and tests of ranks and signs, were no better at an equal share of rounds let through: what is lost
#: is lost to rounds that differ little, not to outliers.
NUMBER_MARGIN = 3.0


@final
class RoundVetoes:
    """Refuses rounds by what can be seen without validation labels.

    Args:
        tasks: the tasks.
        examples: training rows with the true labels.
        priors: task -> shares of the classes among the true labels [T, C], of symbols where they are texts.
        max_drift: how far the class shares may move, see `CoTraining`.
    """

    def __init__(
        self, tasks: Sequence[Task], examples: Examples, priors: Mapping[str, Tensor], max_drift: float
    ) -> None:
        self.examples = examples
        self.priors = priors
        self.max_drift = max_drift
        self.n_effective = {task.name: effective_labels(task, examples) for task in tasks}
        self._reasons: dict[str, dict[int, str]] = {task.name: {} for task in tasks}

    def expect_answers(self, start: Sequence[FittedPeer]) -> None:
        """Refuse to begin where a peer that answers could not learn a task.

        Args:
            start: the peers that answer, after their supervised fit.

        Raises:
            DataError: it could not.
        """
        for fitted in start:
            for task, reason in fitted.failures.items():
                n_labels = int(labelled_rows(self.examples.masks[task]).sum())
                raise DataError(
                    f"Task {task!r} cannot be learned from its {n_labels} labelled rows: {reason}. Mend the "
                    "inputs or labels, take another estimator, or leave the task out."
                )

    def failed(self, fitted: Sequence[FittedPeer], round_: int) -> None:
        """Refuse a round for the tasks that a peer which answers could not learn in it."""
        for one in fitted:
            for task, reason in one.failures.items():
                self._reasons[task][round_] = reason

    def collapsed(self, start: Mapping[str, Tensor], now: Mapping[str, Tensor], round_: int) -> None:
        """Refuse a round whose predictions have left the labelled class shares farther than the start's.

        Args:
            start: task -> class shares [T, C] of the supervised start's answers on the unlabelled cells.
            now: the same of the round.
            round_: its number.
        """
        for task, shares in now.items():
            prior, n_labels = self.priors[task], self.n_effective[task]
            bound = max(drift(start[task], prior), sampling_drift(prior, n_labels)) + self.max_drift
            if drift(shares, prior) > bound or starved(shares, start[task], prior, n_labels):
                self._reasons[task].setdefault(round_, "its predictions left the labelled class shares")

    def n_labels(self, task: Task) -> int:
        """Return the number of training rows with a label of a task."""
        return int(labelled_rows(self.examples.masks[task.name]).sum())

    def rounds(self, task: Task) -> set[int]:
        """Return the rounds that may not answer for a task."""
        return set(self._reasons[task.name])

    def reason(self, task: Task, round_: int) -> str:
        """Return why a round may not answer for a task; "" if it may."""
        return self._reasons[task.name].get(round_, "")

    def reasons(self, task: Task) -> str:
        """Return all reasons for which rounds of a task were refused."""
        return "; ".join(sorted(set(self._reasons[task.name].values())))


def value_on(task: Task, prediction: Prediction, rows: Examples) -> float:
    """Return the selecting metric of a prediction on rows; NaN without any label."""
    targets, mask = metric_arrays(task, rows.targets[task.name], rows.masks[task.name])
    if not mask.any():
        return math.nan
    scores = prediction.scores(task).double().numpy()
    return task.chosen_metrics()[0].compute(scores, targets, mask)


@final
@dataclass(frozen=True)
class RoundChoice:
    """The round that answers for a task, 0 = the supervised start, and why, in words."""

    round: int
    reason: str


def choose_round(task: Task, held: HeldOut, vetoes: RoundVetoes, settings: CoTraining) -> RoundChoice:
    """Return the round whose peers shall answer for a task.

    Of the rounds that no veto refuses the last one within one standard error of the best one by the task's
    metric is put to the test, on labels that it has not learned from:

    1. there are at least `min_labels` of them;
    2. its metric is not worse than that of the start;
    3. its loss is lower by at least `margin` standard errors of the paired difference, and of numbers by
       three times as many.

    Where it fails the start answers. Without any held-out label, and none asked for (`min_labels=0`), the
    last round answers that was not refused.

    Args:
        task: the task.
        held: what every round predicts for held-out rows, the start's first.
        vetoes: rounds that other guards have refused.
        settings: give `margin` and `min_labels`.
    """
    last = len(held.predictions) - 1
    if not last:
        return RoundChoice(0, "supervised start: there was no round")
    allowed = [number for number in range(1, last + 1) if number not in vetoes.rounds(task)]
    if not allowed:
        return RoundChoice(0, f"supervised start: every round was refused: {vetoes.reasons(task)}")
    objection = held.objection(task, settings.min_labels)
    if objection and not held.n_labels:
        objection = _nothing_held(vetoes.n_labels(task), settings)
    if objection:
        return RoundChoice(0, f"supervised start: {objection}")
    if not held.n_labels:
        return RoundChoice(allowed[-1], f"round {allowed[-1]} of {last}, without any held-out label")
    kept = _last_as_good_as_the_best(task, held, allowed)
    gain = held.gain(task, held.predictions[kept]) if kept else None
    margin = margin_of(task, settings.margin)
    if gain is None or (margin and not gain.exceeds(margin)):
        by = f" by {margin:g} standard errors" if margin else ""
        return RoundChoice(0, f"supervised start: no round was better{by} on {held.n_labels} held-out labels")
    return RoundChoice(kept, f"round {kept} of {last}: {gain}")


def _nothing_held(n_labels: int, settings: CoTraining) -> str:
    """Say why there is no held-out label of a task with so many training labels."""
    if n_labels < settings.min_labels:
        return f"{n_labels} labels are fewer than min_labels={settings.min_labels}"
    if not settings.margin:
        return (
            f"none of its {n_labels} labels is held out: there is no validation label, and with margin=0 no "
            "round is cross-fitted; min_labels=0 takes the last round all the same"
        )
    return f"none of its {n_labels} labels could be held out: each class has too few, or they belong together"


def margin_of(task: Task, margin: float) -> float:
    """Return the standard errors by which a round must be better for a task; see `NUMBER_MARGIN`.

    Args:
        task: the task.
        margin: of the settings.
    """
    return margin if task.has_classes else NUMBER_MARGIN * margin


def _last_as_good_as_the_best(task: Task, held: HeldOut, allowed: Sequence[int]) -> int:
    """Return the last round within one standard error of the best; 0 if none is as good as the start."""
    metric = task.chosen_metrics()[0]
    targets, mask = metric_arrays(task, held.targets, held.mask)
    scores = [prediction.scores(task).double().numpy() for prediction in held.predictions]
    sign = 1.0 if metric.direction == "max" else -1.0
    values = [sign * metric.compute(score, targets, mask) for score in scores]
    best = max(allowed, key=lambda number: (values[number], number))
    if math.isnan(values[0]) or math.isnan(values[best]):
        return 0
    kept = best
    for number in allowed:
        if number > best:
            gap = paired_bootstrap(
                metric,
                [scores[best]],
                [scores[number]],
                targets=targets,
                mask=mask,
                groups=held.groups,
                level=ONE_SIGMA,
                n_resamples=100,
            )
            if gap.value <= (gap.high - gap.low) / 2:
                kept = number
    if values[kept] < values[0]:
        kept = best
    return kept if values[kept] >= values[0] else 0


def shares_of(classes: Tensor, where: Tensor, n: int) -> Tensor:
    """Return the shares of n classes among the entries `where`, [T, C]; NaN without any."""
    counts = class_counts(classes, where, n)
    return counts / counts.sum(dim=-1, keepdim=True)


def drift(shares: Tensor, prior: Tensor) -> float:
    """Return the largest distance of a target's shares from the prior: half the sum of |differences|."""
    distance = (shares - prior).abs().sum(dim=-1) / 2
    return float(torch.nan_to_num(distance).max())


def starved(shares: Tensor, start: Tensor, prior: Tensor, n_labels: Tensor) -> bool:
    """Say whether a class is predicted less than half as often as by the start and as it is labelled.

    A rare class can die out within any bound on the drift: it has not that much to lose. How often it is
    labelled is taken at the lower end of what its share among the labels leaves open.

    Args:
        shares: [T, C] of the predictions now; NaN where nothing is predicted.
        start: the same of the supervised start.
        prior: [T, C] of the true labels.
        n_labels: see `effective_labels`.
    """
    return bool((shares < 0.5 * torch.minimum(start, lower_bound(prior, n_labels))).any())


def lower_bound(prior: Tensor, n_labels: Tensor) -> Tensor:
    """Return the lower end of the one-sided 95 % interval for shares [T, C] seen among n labels [T, C].

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927,
    https://doi.org/10.1080/01621459.1927.10502953.
    """
    n, z = n_labels.clamp(min=1), 1.645
    spread = (prior * (1 - prior) / n + z**2 / (4 * n**2)).sqrt()
    return ((prior + z**2 / (2 * n) - z * spread) / (1 + z**2 / n)).clamp(min=0.0)


def sampling_drift(prior: Tensor, n_labels: Tensor) -> float:
    """Return how far the shares of n labels stray from the truth by chance in 19 of 20 samples.

    The quantile of half the sum of |differences| over 400 samples of n labels with these very shares, for
    the target where it is largest. Where classes count differently n is that of all: Σ v_c / Σ (v_c / n_c),
    with v_c = s_c (1 - s_c).

    Args:
        prior: shares s, [T, C].
        n_labels: n_c, [T, C] or [T, 1], see `effective_labels`.
    """
    found, generator = 0.0, numpy_generator(0, "sampling drift")
    spread = prior.double() * (1 - prior.double())
    of_all = spread.sum(dim=1) / (spread / n_labels.clamp(min=1)).sum(dim=1)
    for shares, size in zip(prior.double().numpy(), of_all.nan_to_num(1.0).tolist(), strict=True):
        n = max(1, round(size))
        counts = generator.multinomial(n, shares / shares.sum(), size=400)
        found = max(found, float(np.quantile(np.abs(counts / n - shares).sum(axis=1) / 2, 0.95)))
    return found


def accepted_drift(
    task: Task, examples: Examples, prior: Tensor, *, classes: Tensor, accepted: Tensor
) -> float:
    """Return the drift of the class shares among true labels and accepted pseudo-labels together.

    Args:
        task: of classes or labels.
        examples: N rows with the true labels.
        prior: [T, C] shares that the drift is measured from.
        classes: [U, T] int64: what the pseudo-labels say, of entries or of units of such.
        accepted: [U, T] bool: where there is one, never beside a true label.
    """
    n = n_classes(task)
    true, known = true_units(task, examples.targets[task.name], examples.masks[task.name])
    together, there = torch.cat([true, classes]), torch.cat([known, accepted])
    return drift(shares_of(together, there, n), prior)


def label_shares(task: Task, examples: Examples, prior: Tensor) -> Tensor:
    """Return the shares that drift is measured from: of the classes, or of the symbols of true texts, [T, C].

    Args:
        task: fitted.
        examples: N rows with the true labels.
        prior: shares of the classes.
    """
    labelling, texts = task.hypothesis_labelling(), examples.targets[task.name]
    if labelling is None or not isinstance(texts, Tensor):
        return prior
    shares = symbol_shares(labelling, texts[labelled_rows(examples.masks[task.name])])
    # Where all true texts are empty, any symbol is as likely as another.
    return torch.nan_to_num(shares, nan=1 / shares.shape[1])


def accepted_text_drift(
    task: Task, examples: Examples, prior: Tensor, *, heard: Hypotheses, accepted: Tensor
) -> float:
    """Return the drift of the symbol shares among true texts and accepted ones together.

    Args:
        task: of texts.
        examples: N rows with the true labels.
        prior: [1, C] shares of the symbols that the drift is measured from.
        heard: what the teachers hear in the rows.
        accepted: [N, 1] bool: where this is a label, never beside a true one.
    """
    texts = examples.targets[task.name]
    if not isinstance(texts, Tensor):
        raise TypeError("targets of texts are a tensor [N, L]")
    true, said = as_wide_as_each_other(
        [texts[labelled_rows(examples.masks[task.name])], heard.texts[accepted[:, 0]]]
    )
    return drift(symbol_shares(heard.labelling, torch.cat([true, said])), prior)


def effective_labels(task: Task, examples: Examples) -> Tensor:
    """Return how many independent labels the share of each class is worth, [T, C], or [T, 1]: all alike.

    Where a row is one entry these are the labels. Words of a sentence and pixels of a picture are not
    independent: a share s = Σ n_ic / Σ n_i of m rows with n_i labels each, n_ic of them of class c, varies by

        V = m / (m - 1) · Σ (n_ic - s n_i)² / (Σ n_i)²,   and is worth n = s (1 - s) / V labels,

    at most all of them, and for a class that no row has, or every row alike, m of them.

    Args:
        task: fitted.
        examples: N rows with the true labels.

    Source: Kish, "Survey Sampling", 1965; the variance of a ratio from whole clusters.
    """
    classes, known = true_units(task, examples.targets[task.name], examples.masks[task.name])
    offsets, n = offsets_of(task, examples.targets[task.name]), n_classes(task)
    total = known.sum(dim=0)[:, None].float()
    if offsets is None or task.hypothesis_labelling() is not None:
        return total
    entry_classes = class_targets(task, examples.targets[task.name])
    units = Units.of(entry_classes, task.entry_labelling(), offsets)
    rows = units.first(row_of_entry(offsets, len(examples)))
    known = known & (classes < n)
    counts = torch.bincount((rows * n + classes[:, 0])[known[:, 0]], minlength=len(examples) * n)
    counts = counts.reshape(len(examples), n).double()
    size = counts.sum(dim=1, keepdim=True)
    shares, m = counts.sum(dim=0) / size.sum().clamp(min=1), (size > 0).sum()
    variance = (counts - shares * size).square().sum(dim=0) / size.sum().clamp(min=1).square()
    worth = shares * (1 - shares) / (variance * m / (m - 1).clamp(min=1))
    worth = torch.where(variance > 0, worth, m.double()).clamp(max=float(total))
    return worth[None].float()
