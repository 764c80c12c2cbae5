"""Centres of boxes: drawn, learned from and read again."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.tasks.dense._centres import (
    BOX,
    LONE,
    SIZE_WEIGHT,
    SPREAD,
    UNKNOWN,
    centre_losses,
    decode_centres,
    draw_centres,
    known_cells,
)

sides = st.floats(0.05, 0.6)
box = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), sides, sides, st.integers(-1, 2))


def inside(boxes: list[tuple]) -> list[tuple]:
    return [(x * (1 - w), y * (1 - h), w, h, c) for x, y, w, h, c in boxes]


def output_of(drawn, n_classes: int) -> torch.Tensor:
    """An output that says the drawn targets."""
    shape = drawn.heat.shape[2:]
    output = torch.zeros(len(drawn.heat), n_classes + 4, *shape)
    output[:, :n_classes] = torch.logit(drawn.heat.clamp(1e-4, 1 - 1e-4))
    for b, m in drawn.real.nonzero().tolist():
        row, column = divmod(int(drawn.cell[b, m]), shape[1])
        output[b, n_classes:, row, column] = torch.cat([drawn.size[b, m], drawn.offset[b, m]])
    return output


@settings(deadline=None, max_examples=40)
@given(boxes=st.lists(box, max_size=5))
def test_the_map_is_the_formula_cell_by_cell(boxes):
    placed = inside(boxes)
    given_ = torch.tensor([[b[:4] for b in placed]]).reshape(1, -1, 4)
    classes = torch.tensor([[b[4] for b in placed]], dtype=torch.int64).reshape(1, -1)
    heat = draw_centres(given_, classes, 3, (6, 8)).heat[0]
    for c in range(3):
        for row in range(6):
            for column in range(8):
                best = 0.0
                for x, y, w, h, of_class in placed:
                    if of_class != c:
                        continue
                    at = (min(7, int((x + w / 2) * 8)), min(5, int((y + h / 2) * 6)))
                    sx, sy = max(1 / 3, SPREAD * w * 8), max(1 / 3, SPREAD * h * 6)
                    away = ((column - at[0]) / sx) ** 2 + ((row - at[1]) / sy) ** 2
                    best = max(best, math.exp(-away / 2))
                assert float(heat[c, row, column]) == pytest.approx(best, abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_what_was_drawn_is_read_again(data):
    places = data.draw(st.lists(st.integers(0, 15), unique=True, max_size=4))
    boxes = []
    for place in places:
        # Centres two cells and more apart, of one class or another.
        column, row = 2 * (place % 4), 2 * (place // 4)
        dx, dy, w, h = (data.draw(st.floats(0.05, 0.95)) for _ in range(4))
        boxes.append(((column + dx) / 8 - 0.02, (row + dy) / 8 - 0.02, 0.04 + 0 * w, 0.04 + 0 * h, place % 3))
    boxes = [b for b in boxes if b[0] >= 0 and b[1] >= 0]
    given_ = torch.tensor([[b[:4] for b in boxes]]).reshape(1, -1, 4)
    classes = torch.tensor([[b[4] for b in boxes]], dtype=torch.int64).reshape(1, -1)
    drawn = draw_centres(given_, classes, 3, (8, 8))
    found = decode_centres(output_of(drawn, 3), most=6, least=0.5)[0]
    found = found[found[:, 4] >= 0]
    assert len(found) == len(boxes)
    for b in boxes:
        assert float((found[:, :5] - torch.tensor(b)).abs().sum(dim=1).min()) < 1e-3


def literal_loss(output, boxes, n_classes):
    """The loss of one picture, cell by cell."""
    drawn = draw_centres(
        torch.tensor([[b[:4] for b in boxes]]).reshape(1, -1, 4),
        torch.tensor([[b[4] for b in boxes]], dtype=torch.int64).reshape(1, -1),
        n_classes,
        tuple(output.shape[1:]),
    )
    total = 0.0
    for c in range(n_classes):
        for row in range(output.shape[1]):
            for column in range(output.shape[2]):
                p = 1 / (1 + math.exp(-float(output[c, row, column])))
                y = float(drawn.heat[0, c, row, column])
                total += -((1 - p) ** 2) * math.log(p) if y == 1 else -((1 - y) ** 4) * p**2 * math.log(1 - p)
    height, width = output.shape[1:]
    for x, y, w, h, _ in boxes:
        cx, cy = (x + w / 2) * width, (y + h / 2) * height
        said = output[n_classes:, int(cy), int(cx)].tolist()
        total += abs(said[2] - (cx - int(cx))) + abs(said[3] - (cy - int(cy)))
        total += SIZE_WEIGHT * (abs(said[0] - math.log(w * width)) + abs(said[1] - math.log(h * height)))
    return total / max(1, len(boxes))


@pytest.mark.parametrize("n_boxes", [0, 1, 3])
def test_the_loss_is_the_formula(n_boxes):
    generator = torch.Generator().manual_seed(n_boxes)
    output = torch.randn(6, 5, 7, generator=generator)
    boxes = [(0.1 + 0.2 * i, 0.15 + 0.2 * i, 0.3, 0.2, i % 2) for i in range(n_boxes)]
    padded = boxes + [(0.0, 0.0, 0.0, 0.0, -1)] * 2
    drawn = draw_centres(
        torch.tensor([[b[:4] for b in padded]]), torch.tensor([[b[4] for b in padded]]), 2, (5, 7)
    )
    found = centre_losses(output[None], drawn)
    assert float(found[0].mean()) == pytest.approx(literal_loss(output, boxes, 2), rel=1e-5)


def test_extreme_outputs_give_finite_losses_and_gradients():
    for value in (-1e4, 1e4):
        output = torch.full((1, 6, 4, 4), value, requires_grad=True)
        drawn = draw_centres(torch.tensor([[[0.2, 0.2, 0.4, 0.4]]]), torch.tensor([[0]]), 2, (4, 4))
        loss = centre_losses(output, drawn).sum()
        loss.backward()
        assert bool(torch.isfinite(loss))
        assert output.grad is not None
        assert bool(torch.isfinite(output.grad).all())
        assert bool(torch.isfinite(decode_centres(output.detach(), 5)).all())


def test_more_boxes_are_asked_for_than_there_are_cells():
    found = decode_centres(torch.zeros(2, 5, 1, 1), most=4)
    assert found.shape == (2, 4, 6)
    assert found[:, 1:, 4].tolist() == [[-1.0] * 3] * 2


def test_a_batch_without_any_box_has_empty_maps():
    drawn = draw_centres(torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64), 3, (4, 4))
    assert float(drawn.heat.abs().sum()) == 0
    losses = centre_losses(torch.zeros(2, 7, 4, 4), drawn)
    assert losses.shape == (2, 3)


flagged = st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda of: st.tuples(st.just(of), st.integers(-1, 2), st.sampled_from([BOX, UNKNOWN, LONE]))
)


@settings(deadline=None, max_examples=60)
@given(boxes=st.lists(flagged, max_size=5), nudge=st.sampled_from([0.0, 0.4]))
def test_what_is_known_is_told_cell_by_cell(boxes, nudge):
    places = [[x + nudge, y + nudge, w, h] for (x, y, w, h), _, _ in boxes]
    scaled = torch.tensor([[[x / 8, y / 6, w / 8, h / 6] for x, y, w, h in places]]).reshape(1, -1, 4)
    classes = torch.tensor([[c for _, c, _ in boxes]], dtype=torch.int64).reshape(1, -1)
    flags = torch.tensor([[flag for _, _, flag in boxes]], dtype=torch.float32).reshape(1, -1)
    found = known_cells(scaled, classes, flags, 2, shape=(6, 8))[0]
    for c in range(2):
        mine = [(place, flag) for place, (_, of, flag) in zip(places, boxes, strict=True) if of == c]
        alone = any(flag == LONE for _, flag in mine)
        for row in range(6):
            for column in range(8):
                known = not alone
                for (x, y, w, h), flag in mine:
                    whole = x <= column and column + 1 <= x + w and y <= row and row + 1 <= y + h
                    known |= flag != UNKNOWN and whole
                for (x, y, w, h), flag in mine:
                    touched = x < column + 1 and column < x + w and y < row + 1 and row < y + h
                    known &= not (flag == UNKNOWN and touched)
                assert bool(found[c, row, column]) == known, (c, row, column)
