"""A class for every pixel: coded, learned from, predicted."""

from __future__ import annotations

import json
import math
import tracemalloc
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.readers._coco_masks import MASK
from cotrain.tasks import Segmentation
from cotrain.tasks.dense._masks import mask_bytes, read_mask, resized_mask

DRAW = np.random.default_rng(0)
MASKS = [DRAW.integers(0, 3, (6, 8)) for _ in range(4)]
CLASSES = ["ground", "tree", "sky"]


def frame_of(*masks: Any) -> pl.DataFrame:
    return pl.DataFrame({"mask": [None if mask is None else mask_bytes(np.asarray(mask)) for mask in masks]})


def fitted(*masks: Any, **options: Any) -> Segmentation:
    task = Segmentation("mask", **options)
    task.fit(frame_of(*(masks or MASKS)))
    return task


def test_masks_are_class_numbers_and_a_missing_mask_is_unlabelled():
    task = fitted(classes=CLASSES)
    targets, labelled = task.encode(frame_of(MASKS[0], None, np.zeros((6, 8))))
    assert targets.dtype == torch.uint8
    assert np.array_equal(targets[0].numpy(), MASKS[0])
    assert labelled.any(dim=(1, 2)).tolist() == [True, False, True]
    assert bool(labelled[2].all())
    assert task.parts == CLASSES
    assert task.n_outputs == 3


def test_pixels_to_be_ignored_are_unlabelled():
    mask = MASKS[0].copy()
    mask[0] = 255
    targets, labelled = fitted(classes=CLASSES).encode(frame_of(mask))
    assert not bool(labelled[0, 0].any())
    assert bool(labelled[0, 1:].all())
    assert bool((targets[0, 0] == 3).all())


def test_a_class_that_training_never_had_is_one_of_its_own():
    task = fitted(*[np.minimum(mask, 1) for mask in MASKS])
    frame = frame_of(np.full((6, 8), 2))
    targets, labelled = task.encode(frame)
    assert bool((targets == 2).all())
    assert bool(labelled.all())
    assert task.unseen(frame) == {"mask=2": 1}
    output = torch.zeros(1, 2, 6, 8, requires_grad=True)
    loss = task.loss(output, targets, labelled)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(math.log(2))
    assert output.grad is not None
    assert float(output.grad.abs().sum()) == 0


@pytest.mark.parametrize("balanced", [None, "balanced"])
def test_the_loss_is_the_formula_pixel_by_pixel(balanced):
    task = fitted(classes=CLASSES, class_weight=balanced, dice=0.0)
    targets, labelled = task.encode(frame_of(MASKS[1], MASKS[2]))
    labelled = labelled & (torch.rand(labelled.shape, generator=torch.Generator().manual_seed(0)) < 0.7)
    output = torch.randn(2, 3, 3, 4, generator=torch.Generator().manual_seed(1))
    large = torch.nn.functional.interpolate(output, size=(6, 8), mode="bilinear")
    counts = np.bincount(np.concatenate([mask.ravel() for mask in MASKS]), minlength=3)
    weights = counts.sum() / (3 * counts) if balanced else np.ones(3)
    total, n = 0.0, 0
    for b in range(2):
        for row in range(6):
            for column in range(8):
                if labelled[b, row, column]:
                    z = large[b, :, row, column].double().numpy()
                    y = int(targets[b, row, column])
                    total += weights[y] * (np.log(np.exp(z).sum()) - z[y])
                    n += 1
    assert float(task.loss(output, targets, labelled)) == pytest.approx(total / n, rel=1e-5)


@pytest.mark.parametrize("dice", [0.5, 2.0])
def test_dice_counts_the_classes_of_each_picture(dice):
    """Picture by picture, class by class; pixels without a label, unseen classes and empty pictures apart."""
    plain, task = fitted(classes=CLASSES, dice=0.0), fitted(classes=CLASSES, dice=dice)
    ignored = MASKS[1].copy()
    ignored[2:4] = 255
    targets, labelled = task.encode(frame_of(ignored, MASKS[2], np.full((6, 8), 255), None))
    output = torch.randn(4, 3, 3, 4, generator=torch.Generator().manual_seed(1))
    p = torch.nn.functional.interpolate(output, size=(6, 8), mode="bilinear").softmax(1).double().numpy()
    total = 0.0
    for b in range(2):
        losses = []
        for c in range(3):
            pixels = [(y, x) for y in range(6) for x in range(8) if labelled[b, y, x]]
            both = sum(p[b, c, y, x] for y, x in pixels) + sum(targets[b, y, x] == c for y, x in pixels)
            hit = sum(p[b, c, y, x] for y, x in pixels if targets[b, y, x] == c)
            if any(targets[b, y, x] == c for y, x in pixels):
                losses.append(1 - (2 * hit + 1) / (float(both) + 1))
        total += np.mean(losses) * int(labelled[b].sum())
    added = dice * total / int(labelled.sum())
    before = float(plain.loss(output, targets, labelled))
    assert float(task.loss(output, targets, labelled)) == pytest.approx(before + added, rel=1e-5)


def test_dice_of_what_is_moved_counts_what_stayed():
    task = fitted(classes=CLASSES)
    assert task.dice == 1.0
    targets, labelled = task.encode(frame_of(MASKS[1]))
    shift = torch.tensor([[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    moved, left = task.moved(targets, labelled, shift)
    assert bool((moved[~left] == 3).all())
    assert bool((moved[left] < 3).all())


def test_dice_is_a_weight():
    with pytest.raises(InvalidArgumentError, match=r"dice=-1"):
        Segmentation("mask", dice=-1)


def test_the_best_constant_has_the_shares_and_the_lowest_cross_entropy():
    task = fitted(classes=CLASSES, dice=0.0)
    targets, labelled = task.encode(frame_of(*MASKS, None))
    constant = task.reference_output(targets, labelled)
    shares = np.bincount(np.concatenate([mask.ravel() for mask in MASKS]), minlength=3) / (4 * 48)
    assert constant.softmax(0).tolist() == pytest.approx(shares.tolist(), rel=1e-4)
    best = task.reference_loss(targets, labelled)
    assert best == pytest.approx(float(-(shares * np.log(shares)).sum()), rel=1e-5)
    assert task.reference_loss(targets, torch.zeros_like(labelled)) == 0.0
    assert (
        float(
            task.loss(
                task.constant_output(constant + torch.tensor([0.3, 0, 0])).expand(5, -1, 1, 1),
                targets,
                labelled,
            )
        )
        > best
    )


@pytest.mark.parametrize("upscale", [1, 2, 4])
def test_a_head_starts_at_the_best_constant_and_is_so_much_finer_than_its_map(upscale):
    task = fitted(classes=CLASSES, upscale=upscale)
    head = task.head(5)
    task.start_head(head, *task.encode(frame_of(*MASKS)))
    assert head(torch.zeros(2, 5, 3, 4)).shape == (2, 3, 3 * upscale, 4 * upscale)
    expected = task.reference_output(*task.encode(frame_of(*MASKS)))
    everywhere = head(torch.zeros(1, 5, 1, 1))
    torch.testing.assert_close(everywhere, expected[None, :, None, None].expand_as(everywhere))


def test_predictions_are_masks_that_can_be_read_again():
    task = fitted(classes=CLASSES)
    output = torch.nn.functional.one_hot(torch.from_numpy(np.stack(MASKS[:2])), 3).movedim(-1, 1) * 9.0
    found = task.predict(output)
    assert list(found) == task.output_columns == ["mask"]
    assert [
        np.array_equal(read_mask(one), mask) for one, mask in zip(found["mask"], MASKS, strict=False)
    ] == [True] * 2
    assert float(task.confidence(output).min()) > 0.99
    assert torch.equal(task.pseudo_label(output), task.scores(output))


def test_figures_are_perfect_for_the_truth():
    task = fitted(classes=CLASSES)
    targets, labelled = task.encode(frame_of(*MASKS))
    for metric in task.chosen_metrics():
        assert metric.compute(targets.numpy(), targets.numpy(), labelled.numpy()) == 1.0
    assert [metric.name for metric in task.chosen_metrics()] == ["miou", "dice", "pixel_accuracy"]


def test_masks_of_different_sizes_become_one_and_large_ones_smaller():
    assert fitted(np.zeros((4, 4)), np.ones((4, 4)), np.zeros((600, 300)))._shape == (4, 4)
    assert fitted(np.eye(512, 1024))._shape == (128, 256)
    assert fitted(size=16)._shape == (16, 16)
    targets, _ = fitted(classes=CLASSES, size=[12, 16]).encode(frame_of(MASKS[0]))
    assert np.array_equal(targets[0, ::2, ::2].numpy(), MASKS[0])
    assert resized_mask(MASKS[0], 6, 8) is not MASKS[0]


def test_the_coding_is_saved_and_taken_over():
    task = fitted(class_weight="balanced")
    again = Segmentation("mask", class_weight="balanced")
    again.load_state_dict(task.state_dict())
    for one, two in zip(task.encode(frame_of(*MASKS)), again.encode(frame_of(*MASKS)), strict=True):
        assert torch.equal(one, two)
    assert again.state_dict() == task.state_dict()


def test_a_coding_of_before_has_one_answer_a_cell():
    task = fitted(classes=CLASSES)
    again = Segmentation("mask", classes=CLASSES)
    again.load_state_dict({key: value for key, value in task.state_dict().items() if key != "upscale"})
    assert [name for name, _ in again.head(5).named_parameters()] == ["0.weight", "0.bias"]
    assert again.head(5)(torch.zeros(2, 5, 3, 4)).shape == (2, 3, 3, 4)


def test_a_condition_leaves_rows_out():
    task = Segmentation("mask", when="keep == 1")
    frame = frame_of(*MASKS[:2]).with_columns(keep=pl.Series([1, 0]))
    task.fit(frame)
    assert task.encode(frame)[1].any(dim=(1, 2)).tolist() == [True, False]


def colour() -> bytes:
    image_module = pytest.importorskip("PIL.Image")
    import io

    buffer = io.BytesIO()
    image_module.new("RGB", (4, 4), "red").save(buffer, "PNG")
    return buffer.getvalue()


def test_colours_are_refused_and_palettes_are_numbers():
    image_module = pytest.importorskip("PIL.Image")
    import io

    with pytest.raises(
        DataError, match=r"Task 'mask', row 0: .* holds colours \(RGB\), expected class numbers"
    ):
        Segmentation("mask").fit(pl.DataFrame({"mask": [colour()]}))
    image = image_module.fromarray(MASKS[0].astype(np.uint8), mode=None).convert("P")
    image.putpalette([7, 7, 7, 200, 0, 0, 0, 0, 90] + [0] * 759)
    indexed = image_module.fromarray(MASKS[0].astype(np.uint8))
    indexed = indexed.convert("L")
    indexed.putpalette([7, 7, 7, 200, 0, 0, 0, 0, 90] + [0] * 759)
    buffer = io.BytesIO()
    indexed.save(buffer, "PNG")
    assert np.array_equal(read_mask(buffer.getvalue()), MASKS[0])


@pytest.mark.parametrize(
    ("masks", "options", "sentence"),
    [
        ([None, None], {}, "no row has a mask"),
        ([np.full((3, 3), 2)], {"classes": ["a", "b"]}, "masks have the numbers 2, but classes= names 2"),
        ([np.full((3, 3), 255)], {"ignore": 0}, "has the number 255"),
        ([255 * np.eye(3), None], {}, "pixels of the class 0 alone, .*; pixels of 255 count as not labelled"),
        ([255 * np.eye(3)], {"classes": ["a", "b"]}, "if they are a class, save them as the next number"),
        (
            [np.zeros((3, 3)), np.zeros((3, 3))],
            {},
            "2 masks in 'mask' have pixels of the class 0 alone, .* ap",
        ),
        (
            [128 * np.eye(3)],
            {},
            "have the numbers 0 and 128 alone, .* 129 classes: save them as 0 and 1",
        ),
        ([np.array([[0, 85], [170, 255]])], {}, "have the numbers 0, 85 and 170 alone, .* as 0, 1 and 2, or"),
        ([np.full((3, 3), 255)], {}, "1 masks in 'mask' have no labelled pixel, .* pixels of 255 count as"),
    ],
)
def test_masks_that_cannot_be_learned_from_are_refused(masks: Any, options: Any, sentence: str):
    with pytest.raises(DataError, match=sentence):
        fitted(*masks, **options)


@pytest.mark.parametrize(
    "options",
    [{"classes": ["a"]}, {"classes": ["a", "a"]}, {"size": 0}, {"size": [1]}, {"class_weight": "x"}]
    + [{"upscale": upscale} for upscale in (0, 17, 2.0)],
)
def test_options_out_of_range_are_refused(options: dict[str, Any]):
    with pytest.raises(InvalidArgumentError):
        Segmentation("mask", **options)


@pytest.mark.parametrize("value", [np.zeros((2, 2, 2)), np.zeros((2, 2)), np.zeros((0, 2), int), 7])
def test_what_is_no_mask_is_refused(value: Any):
    with pytest.raises(DataError, match="mask"):
        read_mask(value)


def test_masks_are_as_large_as_their_pictures_and_those_of_the_learned_size_stay():
    task = fitted(classes=CLASSES)
    output = torch.randn(3, 3, 6, 8, generator=torch.Generator().manual_seed(0))
    sizes = [(6, 8), (12, 24), (5, 3)]
    found = [read_mask(one) for one in task.predict_pictures(output, sizes)["mask"]]
    assert [one.shape for one in found] == sizes
    assert np.array_equal(found[0], read_mask(task.predict(output)["mask"][0]))
    near = resized_mask(np.asarray(output[1].argmax(dim=0)), 12, 24)
    assert (found[1] == near).mean() > 0.6


@pytest.mark.parametrize("number", [-1, -100, 255, 1000])
def test_numbers_that_no_class_can_have_are_refused_with_their_row(number: int):
    strange = np.eye(4, dtype=np.int32)
    strange[0, 1] = number
    frame = pl.DataFrame({"mask": pl.Series([np.eye(4, dtype=np.int32), strange], dtype=pl.Object)})
    task = Segmentation("mask", ignore=254)
    said = f"row 1: A mask has the number {number}, and .* set it to {number} if that does"
    with pytest.raises(DataError, match=said):
        task.fit(frame)
    task.fit(frame[:1])
    for asked in (task.encode, task.unseen):
        with pytest.raises(DataError, match=said):
            asked(frame)
    ignoring = Segmentation("mask", ignore=number)
    ignoring.fit(frame)
    assert (~ignoring.encode(frame)[1]).sum() == 1


def rectangle(label: str, x: int, y: int, w: int, h: int) -> dict[str, Any]:
    polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
    return {"label": label, "polygons": [[float(v) for v in polygon]], "rle": None, "box": None}


def areas(*things: dict[str, Any], size: tuple[int, int] = (6, 8)) -> dict[str, Any]:
    return {"height": size[0], "width": size[1], "areas": list(things)}


BOXED = {"label": "owl", "polygons": None, "rle": None, "box": [4.0, 4.0, 4.0, 2.0]}
CELLS = [areas(rectangle("dog", 0, 0, 4, 4), rectangle("cat", 2, 2, 2, 2), BOXED), areas(), None]


def of_areas(cells: list[Any], form: str) -> pl.DataFrame:
    if form == "json":
        return pl.DataFrame({"mask": [None if cell is None else json.dumps(cell) for cell in cells]})
    return pl.DataFrame({"mask": pl.Series(cells, dtype=MASK)})


@pytest.mark.parametrize("form", ["mappings", "json"])
def test_areas_are_classes_by_their_labels_beside_the_background(form: str):
    frame = of_areas(CELLS, form)
    task = Segmentation("mask")
    task.fit(frame)
    assert task.parts == ["background", "cat", "dog"]  # of owls no pixel is known
    targets, labelled = task.encode(frame)
    expected = np.zeros((6, 8), int)
    expected[:4, :4] = 2
    expected[2:4, 2:4] = 1
    assert labelled.sum(dim=(1, 2)).tolist() == [6 * 8 - 4 * 2, 6 * 8, 0]
    assert not labelled[0, 4:, 4:].any()
    assert np.array_equal(targets[0].numpy()[labelled[0].numpy()], expected[labelled[0].numpy()])
    assert not targets[1].any()
    assert task.label_sizes(frame) == [(6, 8), (6, 8), None]
    shown = task.exhibit(frame["mask"].to_list()[0], label=True).array
    assert shown is not None
    assert np.array_equal(shown[:4], expected[:4])
    assert (shown[4:, 4:] == -1).all()
    loaded = Segmentation("mask")
    loaded.load_state_dict(task.state_dict())
    assert torch.equal(loaded.encode(frame)[0], targets)


@pytest.mark.parametrize(
    ("classes", "names"),
    [(["dog", "cat"], ["background", "dog", "cat"]), (["cat", "background", "dog"], None)],
)
def test_the_names_of_classes_are_in_the_order_that_is_given(classes: list[str], names: list[str] | None):
    frame, task = of_areas(CELLS, "mappings"), Segmentation("mask", classes=classes)
    task.fit(frame)
    assert task.parts == (names or classes)
    found = task.encode(frame)[0][0]
    assert [task.parts[int(found[at])] for at in ((0, 0), (2, 2), (0, 7))] == ["dog", "cat", "background"]


def test_labels_that_training_did_not_have_are_told_by_their_name_and_are_a_class_of_their_own():
    task = Segmentation("mask")
    task.fit(of_areas(CELLS, "mappings"))
    frame = of_areas([areas(rectangle("emu", 0, 0, 8, 3), rectangle("cat", 0, 0, 1, 1))], "mappings")
    assert task.unseen(frame) == {"mask=emu": 1}
    targets, labelled = task.encode(frame)
    assert labelled.all()
    assert (targets[0, 1:3] == 3).all()
    shown = task.exhibit(frame["mask"].to_list()[0], label=True).array
    assert shown is not None
    assert int(shown.max()) not in (*range(3), task.ignore)


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        (CELLS, {"classes": ["cat", "cow"]}, "areas are labelled 'dog', which classes= does not list"),
        ([areas(), areas()], {}, "pixels of the class 0 alone"),
        ([*CELLS, "a.png"], {}, "2 of 3 masks in 'mask' are areas with labels, and the others"),
        ([areas({**BOXED, "box": None})], {}, "row 0: The areas .* another form"),
        ([CELLS[0], {"height": None, "width": 8, "areas": []}], {}, "row 1: How large the picture"),
        ([areas(*(rectangle(f"{i}", 0, 0, 2, 2) for i in range(255)))], {}, "255 different labels"),
        (
            [areas({**BOXED, "polygons": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]]})],
            {},
            "all numbers of its 1 outlines lie between 0 and 1",
        ),
    ],
)
def test_areas_that_cannot_be_learned_are_refused(cells: list[Any], options: dict[str, Any], message: str):
    texts = [cell if isinstance(cell, str | None) else json.dumps(cell) for cell in cells]
    with pytest.raises(DataError, match=message) as error:
        Segmentation("mask", **options).fit(pl.DataFrame({"mask": texts}))
    assert "\n" not in str(error.value)


def test_masks_are_not_held_while_they_are_looked_at():
    # Of 3,000 pictures of a street all masks at once were 50 GB, at the fit and again at each evaluation.
    side, n = 400, 60
    mask = np.zeros((side, side), np.uint8)
    mask[0, :2] = 1, 2
    frame = pl.DataFrame({"mask": [mask_bytes(mask)] * n})
    task = Segmentation("mask", size=8)
    task.fit(frame)
    tracemalloc.start()
    task.fit(frame)
    assert task.unseen(frame) == {}
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 * mask.size * 8
