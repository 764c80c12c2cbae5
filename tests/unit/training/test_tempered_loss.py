import math

import polars as pl
import pytest
import torch

from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression
from cotrain.training._tempered_loss import FEW, TEMPERATURES, TemperedLoss, selects_by_loss

N = 400
FRAME = pl.DataFrame(
    {
        "yes": [i % 2 for i in range(N)],
        "rare": [int(i < 40) for i in range(N)],
        "colour": [("red", "green", "blue")[i % 3] for i in range(N)],
        "level": [i % 4 for i in range(N)],
        "number": [float(i) for i in range(N)],
        "other": [i % 5 == 0 for i in range(N)],
    }
)


def coded(task, n=N):
    task.fit(FRAME)
    return task, *task.encode(FRAME[:n])


@pytest.mark.parametrize(
    "task", [Binary("yes"), Multiclass("colour"), Ordinal("level"), Multilabel("m", columns=["yes", "other"])]
)
def test_is_the_least_loss_of_all_scales(task):
    task, targets, mask = coded(task)
    mask[::7] = False
    torch.manual_seed(0)
    output = 5 * torch.randn(N, task.n_outputs)
    expected = min(float(task.loss(output / T, targets, mask)) for T in TEMPERATURES)
    whole, parts = TemperedLoss(task), TemperedLoss(task)
    whole.add(output, targets, mask)
    for start in range(0, N, 33):
        rows = slice(start, start + 33)
        parts.add(output[rows], targets[rows], mask[rows])
    assert whole.value() == pytest.approx(expected, rel=1e-6)
    assert parts.value() == pytest.approx(expected, rel=1e-5)


def test_what_is_twice_as_sure_and_tells_apart_alike_is_as_good():
    task, targets, mask = coded(Binary("yes"))
    right = torch.arange(N) % 5 != 0
    sure = torch.where(right[:, None] == (targets > 0.5), 4.0, -4.0)
    values = []
    for factor in (1, 2):
        loss = TemperedLoss(task)
        loss.add(factor * sure, targets, mask)
        values.append(loss.value())
    # Four rows of five are right: the entropy of that is the least loss.
    assert values == pytest.approx([-0.8 * math.log(0.8) - 0.2 * math.log(0.2)] * 2, rel=1e-3)
    assert float(task.loss(2 * sure, targets, mask)) > 3 * values[1]


def test_without_labels_there_is_none():
    task, targets, mask = coded(Binary("yes"))
    loss = TemperedLoss(task)
    assert math.isnan(loss.value())
    loss.add(torch.zeros(N, 1), targets, torch.zeros_like(mask))
    assert math.isnan(loss.value())


@pytest.mark.parametrize(
    ("task", "n", "by_loss"),
    [
        (Binary("yes"), N, False),
        (Binary("yes"), 2 * FEW - 1, True),
        (Binary("rare"), N, True),
        (Binary("yes", metrics=["f1"]), N, True),
        (Binary("yes", metrics=["log_loss"]), N, False),
        (Multiclass("colour"), N, True),
        (Multiclass("colour", metrics=["auroc"]), N, False),
        (Multiclass("colour", metrics=["auroc"]), FEW - 1, True),
        (Ordinal("level"), N, True),
        (Multilabel("m", columns=["yes", "rare"]), N, False),
        (Multilabel("m", columns=["yes", "other"], metrics=["exact_match"]), N, True),
        (Multilabel("m", columns=["yes", "other"], metrics=["f1_micro"]), N, True),
        (Multilabel("m", columns=["yes", "other"], metrics=["auroc_micro"]), N, False),
        (Regression("number"), 3, False),
    ],
)
def test_hits_and_few_labels_are_no_way_to_tell_epochs_apart(task, n, by_loss):
    task, targets, mask = coded(task, n)
    assert selects_by_loss(task, task.chosen_metrics()[0], targets, mask) is by_loss


@pytest.mark.parametrize(
    "task",
    [Binary("yes"), Multiclass("colour"), Ordinal("level"), Multilabel("m", columns=["yes", "other"])],
    ids=lambda task: type(task).__name__,
)
def test_a_metric_counts_hits_if_a_small_change_of_the_outputs_changes_nothing(task):
    task, targets, mask = coded(task)
    torch.manual_seed(0)
    output = torch.randn(N, task.n_outputs)
    truth = (task.original(targets).double().numpy(), mask.numpy())
    before, after = (task.scores(one).double().numpy() for one in (output, 1.001 * output))
    for metric in task.available_metrics():
        # The same rows are right; ranks of rows stay as well where there are two classes.
        same = metric.compute(before, *truth) == metric.compute(after, *truth)
        ranks = metric.name.startswith(("auroc", "average_precision"))
        assert same is metric.counts_hits or ranks
