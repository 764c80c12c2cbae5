"""Boxes around things: coded, learned from, predicted."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Detection
from cotrain.tasks.dense._centres import known_cells

CAT = {"box": [2.0, 1.0, 4.0, 4.0], "label": "cat", "crowd": False}
DOG = {"box": [8.0, 4.0, 6.0, 4.0], "label": "dog", "crowd": False}
MANY = {"box": [0.0, 0.0, 16.0, 8.0], "label": "dog", "crowd": True}
ROWS = [[CAT, DOG], [], None, [MANY, CAT]]


def frame_of(rows: list[Any], **more: Any) -> pl.DataFrame:
    sizes = {"width": [16] * len(rows), "height": [8] * len(rows)}
    return pl.DataFrame({"boxes": rows, **sizes, **more}, strict=False)


def fitted(rows: list[Any] | None = None, **options: Any) -> Detection:
    task = Detection("boxes", **options)
    task.fit(frame_of(ROWS if rows is None else rows))
    return task


def test_boxes_are_parts_of_the_picture_and_empty_is_a_label():
    task = fitted()
    targets, mask = task.encode(frame_of(ROWS))
    assert task.parts == ["cat", "dog"]
    assert targets.shape == (4, 2, 6)
    assert targets[0].tolist() == [[0.125, 0.125, 0.25, 0.5, 0, 0], [0.5, 0.5, 0.375, 0.5, 1, 0]]
    assert targets[1, :, 4].tolist() == [-1, -1]
    assert targets[3, 0].tolist() == [0, 0, 1, 1, 1, 1]
    assert mask.tolist() == [[True, True], [True, True], [False, False], [True, True]]


def test_text_of_json_is_the_same_as_lists():
    text = [None if row is None else json.dumps(row) for row in ROWS]
    for one, two in zip(fitted().encode(frame_of(text)), fitted().encode(frame_of(ROWS)), strict=True):
        assert torch.equal(one, two)


def test_sizes_are_looked_up_in_the_pictures_where_the_table_does_not_say():
    image_module = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    image_module.new("L", (16, 8)).save(buffer, "PNG")
    frame = frame_of(ROWS, photo=[buffer.getvalue()] * 4).drop("width", "height")
    task = Detection("boxes", picture="photo")
    task.fit(frame)
    assert torch.equal(task.encode(frame)[0], fitted().encode(frame_of(ROWS))[0])


def test_only_classes_that_were_looked_for_are_labelled():
    frame = frame_of(ROWS, looked=[["cat"], None, ["cat"], ["dog", "cat"]])
    task = Detection("boxes", annotated="looked")
    task.fit(frame)
    assert task.encode(frame)[1].tolist() == [[True, False], [True, True], [False, False], [True, True]]


@pytest.mark.parametrize("form", [lambda names: names, lambda names: names and json.dumps(names)])
def test_classes_that_were_looked_for_are_told_by_whole_names(form: Callable[[Any], Any]):
    rows = [[{"box": [0, 0, 2, 2], "label": "cat"}], [{"box": [0, 0, 2, 2], "label": "caterpillar"}], [], []]
    looked = [["cat"], ["caterpillar"], ["caterpillar"], None]
    frame = frame_of(rows, looked=[form(names) for names in looked])
    task = Detection("boxes", annotated="looked")
    task.fit(frame)
    assert task.encode(frame)[1].tolist() == [[True, False], [False, True], [False, True], [True, True]]
    with pytest.raises(DataError, match="row 2: 'cat, dog' is no JSON .*, expected a list of classes."):
        task.encode(frame.with_columns(looked=pl.Series([None, None, "cat, dog", None])))


def output_of(task: Detection, rows: list[Any], shape: tuple[int, int] = (8, 16)) -> torch.Tensor:
    """An output that says the true boxes."""
    targets, _ = task.encode(frame_of(rows))
    output = torch.full((len(rows), task.n_outputs, *shape), -9.0)
    for b, boxes in enumerate(targets.tolist()):
        for x, y, w, h, c, crowd in boxes:
            if c >= 0 and not crowd:
                cx, cy = (x + w / 2) * shape[1], (y + h / 2) * shape[0]
                output[b, int(c), int(cy), int(cx)] = 9.0
                sides = torch.tensor([w * shape[1], h * shape[0]]).log()
                output[b, task.n_classes :, int(cy), int(cx)] = torch.cat(
                    [sides, torch.tensor([cx - int(cx), cy - int(cy)])]
                )
    return output


def test_the_truth_has_perfect_figures_and_nearly_no_loss():
    task = fitted()
    rows = [[CAT, DOG], [], None]
    output, (targets, mask) = output_of(task, rows), task.encode(frame_of(rows))
    scores = task.scores(output).double().numpy()
    for metric in task.chosen_metrics():
        assert metric.compute(scores, task.original(targets).numpy(), mask.numpy()) == pytest.approx(1.0)
    assert float(task.loss(output, targets, mask)) < 0.01
    assert float(task.loss(-output, targets, mask)) > 10


def test_predictions_are_lists_of_boxes_with_scores():
    task = fitted()
    found = task.predict(output_of(task, [[CAT], []]))["boxes"].to_list()
    assert [len(boxes) for boxes in found] == [1, 0]
    assert found[0][0]["label"] == "cat"
    assert found[0][0]["box"] == pytest.approx([0.125, 0.125, 0.25, 0.5], abs=1e-5)
    assert found[0][0]["score"] > 0.99
    labels = task.pseudo_label(output_of(task, [[CAT], []]))
    assert labels[0, 0].tolist() == pytest.approx([0.125, 0.125, 0.25, 0.5, 0, 0], abs=1e-5)
    assert bool((labels[0, 1:, 4] == -1).all())
    assert task.confidence(output_of(task, [[CAT]]))[0].tolist() == pytest.approx([1, 0], abs=1e-3)


def test_a_crowd_is_not_learned_from():
    task = fitted()
    output = output_of(task, [[CAT]])
    with_crowd, without = (task.encode(frame_of([row])) for row in ([CAT, MANY], [CAT]))
    assert float(task.loss(output, *with_crowd)) <= float(task.loss(output, *without))
    as_coco = {**{key: MANY[key] for key in ("box", "label")}, "iscrowd": 1}
    assert torch.equal(task.encode(frame_of([[CAT, as_coco]]))[0], with_crowd[0])
    boxes = with_crowd[0]
    inside = known_cells(boxes[..., :4], boxes[..., 4].long(), boxes[..., 5], 2, shape=output.shape[2:])
    assert not bool(inside.all())
    moved = torch.where(inside.any(dim=1, keepdim=True), output, output + 3.0)
    assert float(task.loss(moved, *with_crowd)) == pytest.approx(float(task.loss(output, *with_crowd)))


def test_what_was_not_looked_for_costs_nothing():
    task = fitted()
    targets, mask = task.encode(frame_of([[]]))
    mask[:, 1] = False
    output = torch.full((1, 6, 4, 8), -9.0)
    quiet = float(task.loss(output, targets, mask))
    output[:, 1] = 9.0
    assert float(task.loss(output, targets, mask)) == quiet


def test_the_loss_is_the_mean_over_pictures():
    task = fitted()
    output = torch.randn(3, 6, 4, 8, generator=torch.Generator().manual_seed(0))
    rows = [[CAT, DOG], [DOG], [CAT]]
    each = [float(task.loss(output[i : i + 1], *task.encode(frame_of([rows[i]])))) for i in range(3)]
    assert float(task.loss(output, *task.encode(frame_of(rows)))) == pytest.approx(sum(each) / 3, rel=1e-5)


def test_a_head_starts_with_rare_centres():
    task = fitted()
    targets, mask = task.encode(frame_of(ROWS))
    head = task.head(4)
    task.start_head(head, targets, mask)
    said = head(torch.zeros(1, 4, 2, 4))
    assert said.shape == (1, 6, 2, 4)
    assert task.reference_output(targets, mask)[:2].tolist() == [-4.0, -4.0]
    assert 0 < task.reference_loss(targets, mask) < float("inf")
    assert task.reference_loss(targets, torch.zeros_like(mask)) == 0.0


def test_the_coding_is_saved_and_taken_over():
    task, again = fitted(), Detection("boxes")
    again.load_state_dict(task.state_dict())
    assert torch.equal(again.encode(frame_of(ROWS))[0], task.encode(frame_of(ROWS))[0])
    assert again.state_dict() == task.state_dict()


def test_boxes_of_unseen_classes_are_counted_and_count_for_no_class():
    task = fitted([[CAT]])
    frame = frame_of([[DOG, DOG], [CAT]])
    assert task.unseen(frame) == {"boxes=dog": 2}
    targets, mask = task.encode(frame)
    assert targets[0, :, 4].tolist() == [1, 1]
    assert bool(torch.isfinite(task.loss(torch.zeros(2, 5, 4, 8), targets, mask)))


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        ([[], None], {}, "1 of 2 rows have a list of boxes in 'boxes', and none has a box"),
        ([[CAT, DOG]], {"classes": ["cat"]}, "boxes are labelled 'dog', which classes="),
        ([[{**CAT, "box": [1.0, 2.0, 3.0]}]], {}, "row 0: .* is no box"),
        ([[], [{**CAT, "box": [1.0, 2.0, 0.0, 4.0]}]], {}, "row 1: .* above 0"),
        ([[{**CAT, "label": None}]], {}, "is no box"),
    ],
)
def test_boxes_that_cannot_be_learned_from_are_refused(rows: Any, options: Any, sentence: str):
    with pytest.raises(DataError, match=sentence) as caught:
        fitted(rows, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("box", [[9, 4, 16, 6], [2, 5, 4, 8], [-9, 0, 8, 8], [20, 1, 2, 2]])
def test_boxes_with_their_middle_outside_the_picture_are_refused_in_training_and_later(box: list[int]):
    # Such as two corners, which as [x, y, width, height] lead out of the picture.
    wrong = {**DOG, "box": [float(v) for v in box]}
    with pytest.raises(DataError, match=r"row 1: the middle of the box .* outside its picture of 16×8"):
        fitted([[CAT, DOG], [wrong]])
    with pytest.raises(DataError, match=r"row 2: the middle of the box") as caught:
        fitted().encode(frame_of([[CAT], None, [wrong]]))
    assert "\n" not in str(caught.value)


def test_boxes_that_reach_out_of_the_picture_stay_as_they_are():
    task = fitted([[{**DOG, "box": [-2.0, 4.0, 8.0, 6.0]}, CAT]])
    targets, _ = task.encode(frame_of([[{**DOG, "box": [-2.0, 4.0, 8.0, 6.0]}]]))
    assert targets[0, 0, :4].tolist() == [-0.125, 0.5, 0.5, 0.75]


def test_pictures_of_unknown_size_are_asked_about():
    with pytest.raises(DataError, match="how large a picture is is not known"):
        Detection("boxes").fit(frame_of(ROWS).drop("width"))
    with pytest.raises(DataError, match="annotated='looked' is no column"):
        Detection("boxes", annotated="looked").fit(frame_of(ROWS))


@pytest.mark.parametrize("options", [{"most": 0}, {"least": 1.5}, {"classes": []}, {"classes": ["a", "a"]}])
def test_options_out_of_range_are_refused(options: dict[str, Any]):
    with pytest.raises(InvalidArgumentError):
        Detection("boxes", **options)


@pytest.mark.parametrize("side", [None, 0])
def test_a_labelled_picture_of_unknown_size_is_refused_and_an_unlabelled_one_is_not(side):
    frame = frame_of(ROWS).with_columns(width=pl.Series([16, 16, side, 16]))
    Detection("boxes").fit(frame)
    frame = frame_of(ROWS).with_columns(width=pl.Series([16, side, 16, 16]))
    with pytest.raises(DataError, match="row 1: the picture of the labels in .* has the height 8 and width"):
        Detection("boxes").fit(frame)


def test_a_usual_picture_is_one_with_a_label():
    frame = frame_of([[CAT], None, None, None]).with_columns(width=pl.Series([16, 4000, None, None]))
    task = Detection("boxes")
    task.fit(frame)
    assert task.state_dict()["usual"] == [8, 16]


def test_boxes_are_in_pixels_of_pictures_whose_sizes_are_known():
    task = fitted()
    output = output_of(task, [[CAT], [DOG]])
    parts = task.predict(output)["boxes"].to_list()
    pixels = task.predict_pictures(output, [(8, 16), (80, 320)])["boxes"].to_list()
    for row, (height, width) in enumerate([(8, 16), (80, 320)]):
        for part, pixel in zip(parts[row], pixels[row], strict=True):
            scaled = [v * side for v, side in zip(part["box"], [width, height] * 2, strict=True)]
            assert pixel["box"] == pytest.approx(scaled)
            assert (pixel["label"], pixel["score"]) == (part["label"], part["score"])


def test_a_label_comes_back_in_the_pixels_that_it_was_given_in():
    task = fitted()
    (found,) = task.predict_pictures(output_of(task, [[DOG]]), [(8, 16)])["boxes"].to_list()
    assert found[0]["box"] == pytest.approx(DOG["box"], abs=0.01)


def teaching(
    task: Detection, seed: int, share: float = 0.5
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Outputs of a teacher, where it is sure, and what it teaches pictures without a label."""
    generator = torch.Generator().manual_seed(seed)
    output = 2 * torch.randn(6, 6, 8, 8, generator=generator)
    where = torch.rand(6, 2, generator=generator) < share
    labelling = task.row_labelling()
    nothing = torch.tensor([0.0, 0, 0, 0, -1, 0]).expand(6, 1, 6)
    return output, where, labelling.merged(nothing, labelling.things(output, where), where)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("move", [False, True])
def test_no_pseudo_label_turns_an_unlabelled_region_into_background(seed: int, move: bool):
    task = fitted()
    _, where, targets = teaching(task, seed)
    mask = where.float()
    if move:
        draws = torch.rand(6, generator=torch.Generator().manual_seed(seed))
        moves = torch.eye(2, 3).repeat(6, 1, 1)
        moves[:, 0, 2] = 4 * draws - 2
        targets, mask = task.moved(targets, mask, moves)
    student = torch.zeros(6, 6, 8, 8, requires_grad=True)
    task.loss(student, targets, mask).backward()
    assert student.grad is not None
    background = student.grad[:, :2] > 0
    for b, c, row, column in background.nonzero().tolist():
        inside = []
        for x, y, w, h, of_class, flag in targets[b].tolist():
            x, y, w, h = 8 * x, 8 * y, 8 * w, 8 * h
            touched = x < column + 0.99 and column + 0.01 < x + w and y < row + 0.99 and row + 0.01 < y + h
            if of_class == c and touched:
                inside.append(flag)
        assert where[b, c]
        assert inside
        assert set(inside) == {2}


def test_sure_boxes_are_taught_and_doubtful_ones_leave_their_region_open():
    task = fitted()
    output, where, targets = teaching(task, 0)
    assert bool(where.any())
    found, confidence = task.scores(output), task.confidence(output)
    for c in range(2):
        least = min(float(confidence[b, c]) for b in range(6) if where[b, c])
        for b in range(6):
            said = [box for box in found[b].tolist() if box[4] == c and box[5] >= 0.1 and where[b, c]]
            taught = [box for box in targets[b].tolist() if box[4] == c]
            assert [box[:4] for box in taught] == [box[:4] for box in said]
            assert [box[5] for box in taught] == [2.0 if box[5] >= least else 1.0 for box in said]


def test_a_true_label_stands_beside_what_is_taught_of_other_classes():
    task = fitted()
    true, known = task.encode(frame_of([[CAT]]))
    known[:, 1] = False
    labelling = task.row_labelling()
    output = output_of(task, [[DOG, CAT]])
    things = labelling.things(output, torch.ones(1, 2, dtype=torch.bool))
    merged = labelling.merged(true, things, ~known)
    assert torch.equal(merged[:, : true.shape[1]], true)
    assert merged[0, true.shape[1] :, 4].unique().tolist() == [-1.0, 1.0]
    assert labelling.present(merged).tolist() == [[1.0, 1.0]]


def test_where_the_lone_boxes_of_a_class_have_left_the_picture_nothing_is_known_of_it():
    task = fitted()
    targets = torch.tensor([[[0.0, 0, 0.2, 0.2, 0, 2], [0.5, 0.5, 0.2, 0.2, 1, 2], [0.1, 0, 0.2, 0.2, 0, 1]]])
    moves = torch.eye(2, 3)[None].clone()
    moves[0, 0, 2] = 0.5
    moved, mask = task.moved(targets, torch.ones(1, 2), moves)
    assert mask.tolist() == [[0.0, 1.0]]
    assert moved[0, :, 4].tolist() == [-1.0, 1.0, 0.0]
