"""Named points: what is a label, what is learned and said of it, and how it moves with its picture."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import CotrainError, DataError, InvalidArgumentError
from cotrain.tasks import Exhibit, Keypoints
from cotrain.tasks.dense._heat_maps import log_normal_maps
from cotrain.training import PictureAugmentation
from cotrain.training._picture_augmentation import PictureChanges, move_pictures

LEFT = {"point": [2.0, 3.0], "label": "left", "visible": True}
RIGHT = {"point": [10.0, 5.0], "label": "right", "visible": False}
NOSE = {"point": [8.0, 4.0], "label": "nose", "visible": True}
ROWS: list[Any] = [[LEFT, RIGHT], [NOSE], [], None, [NOSE, LEFT]]


def frame_of(rows: list[Any], **columns: Any) -> pl.DataFrame:
    sizes = {"width": [16] * len(rows), "height": [8] * len(rows)}
    return pl.DataFrame({"face": rows, **sizes, **columns}, strict=False)


def fitted(rows: list[Any] = ROWS, **options: Any) -> Keypoints:
    task = Keypoints("face", **options)
    task.fit(frame_of(rows))
    return task


def test_points_are_coded_in_parts_and_what_is_not_listed_is_unlabelled():
    task = fitted()
    targets, mask = task.encode(frame_of(ROWS))
    assert task.parts == ["left", "right", "nose"]
    assert mask.tolist() == [
        [True, True, False],
        [False, False, True],
        [False, False, False],
        [False, False, False],
        [True, False, True],
    ]
    assert targets[0, 1].tolist() == [10 / 16, 5 / 8, 16.0, 8.0]
    assert targets[1, 2].tolist() == [0.5, 0.5, 16.0, 8.0]


def test_hidden_points_are_labels_unless_told_otherwise():
    task = fitted(hidden=False)
    texts = [json.dumps([{**LEFT, "visible": value}, NOSE]) for value in (0, False, 1, None)]
    assert task.encode(frame_of(texts))[1][:, 0].tolist() == [False, False, True, True]
    assert task.parts == ["left", "nose"]
    assert fitted(hidden=False, points=["left", "right"], rows=ROWS[:1]).encode(frame_of(ROWS[:1]))[
        1
    ].tolist() == [[True, False]]


def test_json_and_lists_are_the_same_labels():
    texts = ["" if row is None else json.dumps(row) for row in ROWS]
    task = fitted(texts)
    for one, other in zip(task.encode(frame_of(texts)), fitted().encode(frame_of(ROWS)), strict=True):
        assert torch.equal(one, other)


def test_the_coding_is_saved_and_taken_over():
    task, again = fitted(), Keypoints("face")
    again.load_state_dict(json.loads(json.dumps(task.state_dict())))
    assert again.state_dict() == task.state_dict()
    assert torch.equal(again.encode(frame_of(ROWS))[0], task.encode(frame_of(ROWS))[0])
    assert torch.equal(again.constant_output(torch.zeros(3)), task.constant_output(torch.zeros(3)))


def output_of(task: Keypoints, targets: torch.Tensor) -> torch.Tensor:
    """An output that says the true places."""
    return log_normal_maps(targets[..., :2], torch.tensor([1 / 32, 1 / 16]), (16, 32))


def test_the_truth_has_nearly_perfect_figures_and_no_loss():
    rows = [[LEFT, {**RIGHT, "point": [8.0, 4.0]}, {**NOSE, "point": [12.0, 4.0]}]]
    task = fitted(rows)
    targets, mask = task.encode(frame_of(rows))
    output = output_of(task, targets)
    scores = task.scores(output).double().numpy()
    found = {
        metric.name: metric.compute(scores, task.original(targets).numpy(), mask.numpy())
        for metric in task.chosen_metrics()
    }
    assert found["distance"] < 0.1
    assert found["pck10"] == found["pck20"] == 1.0
    assert float(task.loss(output, targets, mask)) < 0.05
    assert float(task.loss(output.flip(-1), targets, mask)) > 0.5


def test_points_without_a_label_cost_nothing():
    task = fitted()
    targets, mask = task.encode(frame_of(ROWS))
    output = torch.randn(len(ROWS), 3, 4, 8, generator=torch.Generator().manual_seed(0))
    changed = torch.where(mask[..., None, None], output, 5 * output)
    assert float(task.loss(changed, targets, mask)) == float(task.loss(output, targets, mask))
    each = task.losses(output, targets)[mask]
    assert float(task.loss(output, targets, mask)) == pytest.approx(float(each.mean()), rel=1e-6)


def test_predictions_are_points_in_pixels_with_scores():
    task = fitted([[LEFT, RIGHT, NOSE]])
    targets, _ = task.encode(frame_of([[LEFT, RIGHT, NOSE]]))
    (found,) = task.predict_pictures(output_of(task, targets), [(80, 160)])["face"].to_list()
    assert [point["label"] for point in found] == ["left", "right", "nose"]
    assert found[1]["point"] == pytest.approx([100.0, 50.0], abs=0.5)
    assert 0 < found[1]["score"] <= 1
    assert found[1]["score"] == pytest.approx(float(task.confidence(output_of(task, targets))[0, 1]))
    labels = task.pseudo_label(output_of(task, targets))
    assert torch.allclose(labels[..., :2], targets[..., :2], atol=0.01)


def test_the_best_constant_is_where_the_points_usually_are():
    draw = np.random.default_rng(0)
    rows = [[{**NOSE, "point": [4 + 2 * draw.random(), 5 + draw.random()]}] for _ in range(40)]
    task = fitted(rows)
    targets, mask = task.encode(frame_of(rows))
    constant = task.reference_output(targets, mask)
    scores = task.constant_scores(constant, len(rows)).numpy()
    mean = targets[:, :, :2].mean(dim=0)
    assert scores[0, :, :2] == pytest.approx(mean.numpy(), abs=0.01)
    assert 0 < task.reference_loss(targets, mask) < 1
    head = task.head(4)
    task.start_head(head, targets, mask)
    assert head(torch.zeros(2, 4, 3, 5)).shape == (2, 1, 3, 5)


def test_unseen_names_are_counted_and_are_no_labels():
    task = fitted([[LEFT]])
    frame = frame_of([[LEFT, NOSE], [NOSE]])
    assert task.unseen(frame) == {"face=nose": 2}
    assert task.encode(frame)[1].tolist() == [[True], [False]]


def test_what_is_seen_of_a_cell():
    task = fitted()
    assert task.exhibit(json.dumps([LEFT]), label=True).boxes == [LEFT]
    said = [{"point": [1.0, 2.0], "label": "left", "score": 0.5}]
    seen = task.exhibit(said, label=False)
    assert isinstance(seen, Exhibit)
    assert (seen.kind, seen.boxes) == ("points", said)


@settings(deadline=None, max_examples=60)
@given(
    x=st.integers(3, 28),
    y=st.integers(3, 20),
    seed=st.integers(0, 10**6),
    flip=st.booleans(),
    vertical=st.booleans(),
    rotate=st.sampled_from([0.0, 30.0]),
)
def test_a_point_lies_on_what_it_lay_on_before_the_move(x, y, seed, flip, vertical, rotate):
    """A bright square in the picture is where its point is, or both have left."""
    height, width = 24, 32
    augmentation = PictureAugmentation(
        flip=flip, flip_vertical=vertical, scale=0.3, shift=0.4, rotate=rotate, brightness=0, contrast=0
    )
    moves = augmentation.draw(1, torch.Generator().manual_seed(seed), aspect=width / height)
    picture = torch.zeros(1, 1, height, width)
    picture[0, 0, y - 1 : y + 2, x - 1 : x + 2] = 1.0
    target = torch.tensor([[[(x + 0.5) / width, (y + 0.5) / height, width, height]]])
    task = fitted([[NOSE]])
    found, mask = task.moved(target, torch.ones(1, 1, dtype=torch.bool), moves)
    light = move_pictures(picture, moves)[0, 0]
    inner = light[3:-3, 3:-3]
    if bool(mask[0, 0]):
        at = found[0, 0, :2] * torch.tensor([width, height])
        column, row = (at - 0.5).round().long().clamp(min=0).tolist()
        assert float(light[min(row, height - 1), min(column, width - 1)]) > 0.5
    else:
        assert float(inner.max()) < 0.9
    assert found[0, 0, 2:].tolist() == [width, height]


MIRROR = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])


def test_pairs_change_places_in_a_mirror_and_in_nothing_else():
    task, alone = (
        fitted([[LEFT, RIGHT, NOSE]], **options) for options in ({"pairs": [["right", "left"]]}, {})
    )
    rows = [[LEFT, NOSE]]
    targets, mask = task.encode(frame_of(rows))
    found, known = task.moved(targets, mask, MIRROR)
    assert known.tolist() == [[False, True, True]]
    assert found[0, 1, :2].tolist() == [1 - 2 / 16, 3 / 8]
    assert found[0, 2, :2].tolist() == [0.5, 0.5]
    still, kept = alone.moved(targets, mask, MIRROR)
    assert kept.tolist() == [[True, False, True]]
    assert still[0, 0, :2].tolist() == [1 - 2 / 16, 3 / 8]
    turned = torch.tensor([[[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]])
    assert task.moved(targets, mask, turned)[1].tolist() == [[True, False, True]]


def test_weights_move_with_their_points_and_each_row_by_its_own_move():
    task = fitted([[LEFT, RIGHT]], pairs=[["left", "right"]])
    targets, mask = task.encode(frame_of([[LEFT], [LEFT]]))
    weights = mask * torch.tensor([[3.0], [2.0]])
    moves = torch.cat([MIRROR, torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])])
    assert task.moved(targets, weights, moves)[1].tolist() == [[0.0, 3.0], [2.0, 0.0]]


def test_a_batch_is_moved_through_the_augmentation():
    task = fitted([[LEFT, RIGHT, NOSE]])
    targets, mask = task.encode(frame_of([[LEFT, NOSE], [RIGHT]]))
    batch = {"inputs": {"picture:file": torch.rand(2, 3, 8, 16)}, "targets": {"face": targets}}
    batch["masks"] = {"face": mask}
    changes = PictureChanges(PictureAugmentation(shift=0.3), ["picture:file"], [task])
    found = changes(batch, torch.Generator().manual_seed(0))
    moves = PictureAugmentation(shift=0.3).draw(2, torch.Generator().manual_seed(0), aspect=2.0)
    assert torch.equal(found["targets"]["face"], task.moved(targets, mask, moves)[0])


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        ([[], None], {}, "none of 2 rows has a point in 'face'"),
        ([[LEFT, NOSE]], {"points": ["left"]}, "points are named 'nose', which points="),
        ([[], [{**LEFT, "point": [1.0]}]], {}, "row 1: .* is no point, expected point: "),
        ([[{**LEFT, "label": None}]], {}, "is no point"),
        ([[LEFT, LEFT]], {}, "row 0: there are 2 points 'left', expected one thing"),
        (
            [[LEFT], [{**LEFT, "point": [16.5, 1.0]}]],
            {},
            r"row 1: the point 'left' at \(16.5, 1\) is outside",
        ),
        ([[LEFT]], {"pairs": [["left", "rihgt"]]}, "pairs names 'rihgt', which is none of its points"),
    ],
)
def test_labels_that_cannot_be_learned_from_are_refused(rows, options, sentence):
    with pytest.raises(DataError, match=f"Task 'face'.*{sentence}"):
        fitted(rows, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"points": ["a", "a"]},
        {"points": []},
        {"pairs": [["a"]]},
        {"pairs": [["a", "b"], ["b", "c"]]},
        {"points": ["a", "b"], "pairs": [["a", "c"]]},
        {"columns": ["a", "b"]},
    ],
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(InvalidArgumentError):
        Keypoints("face", **options)


def test_the_mean_of_several_networks_is_that_of_their_places():
    task = fitted([[LEFT, NOSE]])
    outputs = [torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    expected = torch.stack([task.scores(output)[..., :2] for output in outputs]).mean(dim=0)
    assert torch.allclose(task.scores(task.mean_output(outputs))[..., :2], expected, atol=1e-6)


def test_co_training_is_told_that_it_labels_none():
    task = fitted()
    assert task.entry_labelling() is task.row_labelling() is task.hypothesis_labelling() is None
    assert issubclass(DataError, CotrainError)
