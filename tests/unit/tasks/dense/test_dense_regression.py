"""A quantity of every pixel: coded, learned from, predicted, moved."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import DenseRegression
from cotrain.tasks.dense._fields import field_bytes, read_field
from cotrain.tasks.dense._moves import turn_directions
from cotrain.training import PictureAugmentation
from cotrain.training._picture_augmentation import move_pictures

DRAW = np.random.default_rng(0)
DEPTHS = [np.exp(DRAW.normal(1, 0.5, (6, 8))) for _ in range(4)]
NORMALS = [DRAW.normal(size=(6, 8, 3)) for _ in range(4)]
QUANTITIES = {"depth": DEPTHS, "values": [field - 3 for field in DEPTHS], "normals": NORMALS}


def frame_of(*fields: Any) -> pl.DataFrame:
    cells = [
        None if field is None else field_bytes(read_field(field, np.ndim(field) * 2 - 3)) for field in fields
    ]
    return pl.DataFrame({"y": pl.Series(cells, dtype=pl.Binary)})


def fitted(quantity: str = "depth", **options: Any) -> DenseRegression:
    task = DenseRegression("y", quantity=quantity, **options)
    task.fit(frame_of(*QUANTITIES[quantity]))
    return task


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_labels_are_standardised_and_come_back(quantity: str):
    task, fields = fitted(quantity), QUANTITIES[quantity]
    targets, labelled = task.encode(frame_of(*fields, None))
    assert targets.shape == (5, 3 if quantity == "normals" else 1, 6, 8)
    assert labelled.any(dim=(1, 2)).tolist() == [True] * 4 + [False]
    found = task.original(targets[:4]).numpy()
    for said, field in zip(found, fields, strict=True):
        true = read_field(field, task.n_outputs)
        true = true / np.linalg.norm(true, axis=0) if quantity == "normals" else true
        assert np.allclose(said, true, rtol=1e-4, atol=1e-4)
    if quantity != "normals":
        assert float(targets[:4].mean()) == pytest.approx(0, abs=1e-5)
        assert float(targets[:4].std(correction=0)) == pytest.approx(1, abs=1e-4)


def test_pixels_without_a_label_are_none():
    task = fitted(ignore=7.0)
    field = np.array([[1.0, math.nan, math.inf, 7.0, 0.0, -2.0, 3.0, 1.0]] * 6)
    targets, labelled = task.encode(frame_of(field))
    assert labelled[0, 0].tolist() == [True, False, False, False, False, False, True, True]
    assert (targets[0, 0, 0] == 0)[~labelled[0, 0]].all()
    values = DenseRegression("y", quantity="values", ignore=7.0)
    values.fit(frame_of(field))
    assert values.encode(frame_of(field))[1][0, 0].tolist() == [
        True,
        False,
        False,
        False,
        True,
        True,
        True,
        True,
    ]
    normals = fitted("normals")
    field = NORMALS[0].copy()
    field[0, 0], field[0, 1] = 0, math.nan
    assert normals.encode(frame_of(field))[1][0, 0].tolist() == [False, False] + [True] * 6


def test_black_pixels_of_a_picture_of_normals_are_not_labelled():
    image_module = pytest.importorskip("PIL.Image")
    colours = np.full((6, 8, 3), (128, 128, 255), np.uint8)
    colours[2:] = 0
    file = io.BytesIO()
    image_module.fromarray(colours).save(file, "PNG")
    frame = pl.DataFrame({"y": [file.getvalue()]})
    task = DenseRegression("y", quantity="normals")
    task.fit(frame)
    targets, labelled = task.encode(frame)
    assert labelled[0, :, 0].tolist() == [True, True, False, False, False, False]
    said = task.original(task.reference_output(targets, labelled)[None, :, None, None])
    assert said.flatten().tolist() == pytest.approx([0, 0, 1], abs=0.02)


def test_units_are_divided_by():
    millimetres = DenseRegression("y", unit=1000)
    millimetres.fit(frame_of(*[1000 * field for field in DEPTHS]))
    targets, _ = millimetres.encode(frame_of(1000 * DEPTHS[0]))
    assert torch.allclose(targets, fitted().encode(frame_of(DEPTHS[0]))[0], atol=1e-4)
    assert millimetres.original(targets)[0, 0].numpy() == pytest.approx(DEPTHS[0], rel=1e-4)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_loss_is_its_equation_over_the_labelled_pixels(quantity: str):
    task = fitted(quantity)
    targets, labelled = task.encode(frame_of(*QUANTITIES[quantity]))
    labelled[0] = False
    labelled[1, :, ::2] = False
    output = torch.randn(targets.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    losses = []
    for b, y, x in labelled.nonzero().tolist():
        z, t = output[b, :, y, x].detach().numpy(), targets[b, :, y, x].numpy()
        cosine = (z * t).sum() / np.linalg.norm(z) / np.linalg.norm(t)
        losses.append(1 - cosine if quantity == "normals" else abs(z - t).item())
    loss = task.loss(output, targets, labelled)
    assert float(loss.detach()) == pytest.approx(np.mean(losses), rel=1e-5)
    loss.backward()
    assert (output.grad.abs().sum(dim=1) > 0)[labelled].all()
    assert (output.grad.abs().sum(dim=1) == 0)[~labelled].all()


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_reference_is_no_worse_than_constants_near_it(quantity: str):
    task = fitted(quantity)
    targets, labelled = task.encode(frame_of(*QUANTITIES[quantity]))
    best = task.reference_output(targets, labelled)
    reference = task.reference_loss(targets, labelled)
    for seed in range(10):
        near = best + 0.1 * torch.randn(best.shape, generator=torch.Generator().manual_seed(seed))
        other = task.constant_output(near).expand(4, -1, -1, -1)
        assert float(task.loss(other, targets, labelled)) >= reference - 1e-3


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_predictions_are_numpy_files_as_large_as_their_pictures(quantity: str):
    task = fitted(quantity)
    output = torch.randn(2, task.n_outputs, 3, 4, generator=torch.Generator().manual_seed(0))
    found = [read_field(cell, task.n_outputs) for cell in task.predict(output)["y"]]
    assert np.allclose(found[0], task.scores(output)[0].numpy(), atol=1e-5)
    larger = [
        read_field(one, task.n_outputs) for one in task.predict_pictures(output, [(12, 20), (3, 4)])["y"]
    ]
    assert [one.shape[1:] for one in larger] == [(12, 20), (3, 4)]
    if quantity == "depth":
        assert min(one.min() for one in larger) > 0
    if quantity == "normals":
        assert np.allclose(np.linalg.norm(larger[0], axis=0), 1, atol=1e-5)


def test_the_state_is_json_and_restores():
    task, fresh = fitted(), DenseRegression("y")
    fresh.load_state_dict(json.loads(json.dumps(task.state_dict())))
    frame = frame_of(*DEPTHS)
    assert all(torch.equal(a, b) for a, b in zip(task.encode(frame), fresh.encode(frame), strict=True))


def test_fields_of_other_sizes_are_brought_to_one():
    task = DenseRegression("y")
    task.fit(frame_of(DEPTHS[0], np.kron(DEPTHS[0], np.ones((2, 2))), DEPTHS[1]))
    targets, _ = task.encode(frame_of(DEPTHS[0], np.kron(DEPTHS[0], np.ones((2, 2)))))
    assert torch.equal(targets[0], targets[1])


def test_a_wild_output_is_finite():
    assert bool(torch.isfinite(fitted().scores(torch.full((1, 1, 6, 8), 1e6))).all())


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6), angle=st.floats(0, 2 * math.pi), size=st.sampled_from([(24, 32), (16, 16)])
)
def test_directions_turn_as_the_picture_does(seed: int, angle: float, size: tuple[int, int]):
    """The gradient of a slope is a direction: that of the moved slope is the turned gradient.

    A field may have another shape than its picture, such as `size=16`.
    """
    height, width = 24, 32
    augmentation = PictureAugmentation(flip=True, flip_vertical=True, scale=0.3, rotate=180)
    moves = augmentation.draw(1, torch.Generator().manual_seed(seed), aspect=width / height)
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    slope = math.cos(angle) * x + math.sin(angle) * y
    moved = move_pictures(slope[None, None], moves)[0, 0]
    middle = moved[10:14, 14:18]
    gradient = torch.stack([(middle[:, 1:] - middle[:, :-1]).mean(), (middle[1:] - middle[:-1]).mean()])
    field = torch.tensor([math.cos(angle), math.sin(angle), 0.5])[None, :, None, None].expand(1, 3, *size)
    turned = turn_directions(field, moves)[0, :, size[0] // 2, size[1] // 2]
    assert torch.allclose(turned[:2], gradient / gradient.norm(), atol=2e-2)
    assert float(turned[2]) == 0.5


def test_what_is_shown_larger_is_nearer():
    task = fitted()
    targets, labelled = task.encode(frame_of(np.full((6, 8), 4.0)))
    doubled = torch.tensor([[[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]])
    moved, left = task.moved(targets, labelled, doubled)
    assert bool(left.all())
    assert task.original(moved).numpy() == pytest.approx(np.full((1, 1, 6, 8), 2.0), rel=1e-4)
    values = fitted("values")
    targets, labelled = values.encode(frame_of(np.full((6, 8), 4.0)))
    assert torch.equal(values.moved(targets, labelled, doubled)[0], targets)


@pytest.mark.parametrize(
    "options", [{"unit": 0}, {"unit": math.inf}, {"size": 0}, {"size": [3]}, {"quantity": "colour"}]
)
def test_wrong_options_are_refused(options: dict[str, Any]):
    with pytest.raises(InvalidArgumentError, match=r"DenseRegression\('y'"):
        DenseRegression("y", **options)


def test_what_cannot_be_learned_from_is_refused():
    with pytest.raises(DataError, match="no pixel of the column 'y' is labelled"):
        DenseRegression("y").fit(frame_of(np.zeros((2, 2)), None))
    with pytest.raises(DataError, match=r"row 1: A field of .* expected .height, width."):
        DenseRegression("y").fit(frame_of(DEPTHS[0], NORMALS[0]))


def test_directions_have_no_unit():
    with pytest.raises(InvalidArgumentError, match="directions have no unit"):
        DenseRegression("y", quantity="normals", unit=1000)
