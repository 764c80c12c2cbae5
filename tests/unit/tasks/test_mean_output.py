"""One output in place of several: whose prediction is the mean of theirs, in every kind that has a mean."""

from __future__ import annotations

import math

import polars as pl
import pytest
import torch

import cotrain.tasks
from cotrain.tasks import (
    Binary,
    DenseRegression,
    Keypoints,
    Multiclass,
    Multilabel,
    Ordinal,
    Regression,
    Segmentation,
    Tagging,
    Task,
)
from cotrain.tasks._mean_output import mean_of_classes, mean_of_scores

_ROWS = pl.DataFrame(
    {
        "yes": ["y", "n", "y", "n"],
        "kind": ["a", "b", "c", "a"],
        "size": ["s", "m", "l", "s"],
        "value": [1.0, 2.0, 4.0, 9.0],
        "other": [0.0, 1.0, 0.0, 1.0],
        "tags": [["N", "V"], ["N"], ["V", "V"], ["N"]],
    }
)
FRAME = pl.concat([_ROWS, _ROWS])
#: Of a table: the kind, how it is made.
OF_ROWS = [
    Binary("yes"),
    Multiclass("kind"),
    Multilabel("both", columns=["yes", "other"]),
    Ordinal("size", levels=["s", "m", "l"]),
    Regression("two", columns=["value", "other"]),
    Regression("value", transform="log1p"),
    Regression("value", quantiles=[0.1, 0.9]),
]
#: What has no mean: pictures and sounds would have to be laid on one another.
WITHOUT = {"Detection", "Transcription", "Synthesis"}


def outputs(task, n, *shape, scale=1.0):
    stream = torch.Generator().manual_seed(len(task.name) + n)
    return [scale * torch.randn(*shape, generator=stream) for _ in range(n)]


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("task", OF_ROWS, ids=lambda task: type(task).__name__)
def test_scores_are_the_mean_of_scores_one_by_one(task, n):
    frame = FRAME.with_columns(yes=FRAME["yes"] == "y") if task.name == "both" else FRAME
    task.fit(frame)
    # Whatever an output of several levels or quantiles may be, it has to be one that can be.
    given = [task.output_of_scores(task.scores(o)) for o in outputs(task, n, 3, task.n_outputs)]
    found = task.scores(task.mean_output(given))
    each = [task.scores(one) for one in given]
    for index in torch.cartesian_prod(*(torch.arange(size) for size in found.shape)):
        at = tuple(index.tolist())
        mean = sum(float(one[at]) for one in each) / n
        assert float(found[at]) == pytest.approx(mean, rel=1e-5, abs=1e-6)


def test_sure_networks_keep_what_float32_would_lose():
    task = Binary("yes")
    task.fit(FRAME)
    sure = task.mean_output([torch.tensor([[-14.0]]), torch.tensor([[-14.0]])])
    assert float(sure) == pytest.approx(-14.0, abs=1e-4)


@pytest.mark.parametrize("axis", [-1, 1])
def test_the_mean_of_classes_is_that_of_probabilities_however_far_apart(axis):
    stream = torch.Generator().manual_seed(0)
    given = [30 * torch.randn(2, 3, 4, generator=stream) for _ in range(3)]
    found = mean_of_classes(given, axis).double()
    expected = sum(one.double().softmax(axis) for one in given) / 3
    torch.testing.assert_close(found.exp(), expected, rtol=1e-4, atol=1e-12)
    assert bool(found.isfinite().all())


def test_tags_are_averaged_word_by_word():
    task = Tagging("tags")
    task.fit(FRAME)
    given = outputs(task, 3, 5, task.n_outputs)  # 5 words of all rows
    found = task.scores(task.mean_output(given))
    torch.testing.assert_close(found, sum(task.scores(one) for one in given) / 3)


def test_masks_are_averaged_pixel_by_pixel_as_probabilities():
    task = Segmentation("mask", classes=["sky", "sea"], size=2)
    # Two a little for the sea, one sure of the sky: votes and mean logits would say otherwise.
    given = [torch.tensor([0.0, 0.4]), torch.tensor([0.0, 0.4]), torch.tensor([3.0, 0.0])]
    maps = [one.reshape(1, 2, 1, 1).expand(1, 2, 2, 2) for one in given]
    share = sum(float(one.softmax(0)[0]) for one in given) / 3
    found = task.mean_output(maps)
    assert found.softmax(1)[0, 0, 1, 1].item() == pytest.approx(share, rel=1e-6)
    assert task.scores(found).unique().tolist() == [0 if share > 0.5 else 1]


@pytest.mark.parametrize("quantity", ["depth", "normals", "values"])
def test_fields_are_averaged_in_the_numbers_that_are_learned(quantity):
    task = DenseRegression("field", quantity=quantity, size=2)
    given = outputs(task, 2, 1, task.n_outputs, 2, 2)
    found = task.scores(task.mean_output(given))
    each = [task.scores(one) for one in given]
    if quantity == "depth":
        expected = (each[0].log() / 2 + each[1].log() / 2).exp()
    elif quantity == "normals":
        expected = each[0] + each[1]
        expected = expected / expected.norm(dim=1, keepdim=True)
    else:
        expected = (each[0] + each[1]) / 2
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 3])
def test_points_are_averaged_as_places(n):
    task = Keypoints("points", points=["nose", "ear"])
    given = outputs(task, n, 2, 2, 4, 5)
    found, each = (task.scores(one)[..., :2] for one in (task.mean_output(given), torch.cat(given)))
    torch.testing.assert_close(found, each.unflatten(0, (n, 2)).mean(dim=0), rtol=1e-5, atol=1e-5)


def test_a_kind_that_reads_no_vector_has_a_mean_or_is_known_to_have_none():
    kinds = [getattr(cotrain.tasks, name) for name in cotrain.tasks.__all__]
    kinds = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Task) and kind is not Task]
    without = {kind for kind in kinds if kind.reads != "vector" and "mean_output" not in vars(kind)}
    assert {kind.__name__ for kind in without} == WITHOUT
    for kind in without:
        assert kind.__new__(kind).mean_output([torch.zeros(1, 2), torch.zeros(1, 2)]) is None


def test_a_kind_whose_scores_lead_nowhere_has_none():
    assert mean_of_scores(torch.sigmoid, lambda scores: None, [torch.zeros(1, 1)]) is None
    assert math.isclose(float(mean_of_scores(torch.sigmoid, torch.logit, [torch.zeros(1, 1)])), 0.0)
