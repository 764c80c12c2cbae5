"""Boxes as points: a heat map of their centres, their size and where in its cell a centre lies.

No anchors and no suppression of overlapping boxes: a box is a local maximum of its class's map.

Source: Zhou, Wang and Krähenbühl, "Objects as Points", 2019, https://arxiv.org/abs/1904.07850; the focal
loss of the map is that of Law and Deng, "CornerNet", 2018, https://arxiv.org/abs/1808.01244; the Gaussian
around a centre has the box's proportions as in Liu et al., "Training-Time-Friendly Network for Real-Time
Object Detection", 2020, https://arxiv.org/abs/1909.00700.

Shapes: B pictures, M true boxes at most in one, C classes, H×W cells. Boxes are (x, y, width, height) in
parts of the picture, so that they stay right however it is resized. An output is [B, C + 4, H, W]: C logits
of the map, then logarithms of width and height in cells, then the centre's place within its cell, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

#: Standard deviation of the Gaussian around a centre, in parts of the box's side: .54 / 6 as in its source.
SPREAD = 0.54 / 6
#: No Gaussian is narrower than this in cells: a smaller one is a single cell, from which little is learned.
_NARROWEST = 1 / 3
#: What the sizes count beside the map.
SIZE_WEIGHT = 0.1
#: Largest logarithm of a side in cells that is taken seriously; e^8 cells are more than any picture has.
_LARGEST = 8.0


@final
@dataclass(frozen=True)
class CentreTargets:
    """What an output should be.

    Args:
        heat: [B, C, H, W] in [0, 1], 1 at the centres.
        cell: int64 [B, M], number of each box's cell; 0 where there is no box.
        size: [B, M, 2], logarithms of width and height in cells.
        offset: [B, M, 2] in [0, 1).
        real: bool [B, M], where there is a box.
        classes: int64 [B, M] of the boxes, 0 where there is none.
    """

    heat: Tensor
    cell: Tensor
    size: Tensor
    offset: Tensor
    real: Tensor
    classes: Tensor


#: What the sixth number of a box says: a box; a region in which nothing is known; a box of a class of which
#: nothing else is known in its picture.
BOX, UNKNOWN, LONE = 0, 1, 2
#: Cells by which a box may miss a cell and still holds it, or reach into it and does not: for rounding.
_SLACK = 1e-3


def known_cells(
    boxes: Tensor, classes: Tensor, flags: Tensor, n_classes: int, *, shape: Sequence[int]
) -> Tensor:
    """Return in which cells of an output of H×W it is known whether a centre is there, bool [B, C, H, W].

    It is not where a region of the class is unknown. Of a class with lone boxes it is known within these
    alone.

    Args:
        boxes: [B, M, 4].
        classes: int64 [B, M]; −1: there is no box.
        flags: [B, M]: `BOX`, `UNKNOWN` or `LONE`.
        n_classes: C.
        shape: H and W.

    Example:
        >>> left, right = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 0.5, 1.0]
        >>> classes, flags = torch.zeros(1, 2, dtype=torch.int64), torch.tensor([[BOX, UNKNOWN]])
        >>> known_cells(torch.tensor([[left, right]]), classes, flags, 1, shape=(1, 4)).flatten().tolist()
        [True, True, False, False]
    """
    height, width = shape
    cells = boxes.new_tensor([width, height])
    low, high = boxes[..., :2] * cells, (boxes[..., :2] + boxes[..., 2:]) * cells
    columns = torch.arange(width, device=boxes.device)
    rows = torch.arange(height, device=boxes.device)

    def drawn(of: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """Return the cells between the first and the last one of some boxes."""
        across = (columns >= first[..., :1]) & (columns <= last[..., :1])
        down = (rows >= first[..., 1:]) & (rows <= last[..., 1:])
        there = (down[..., :, None] & across[..., None, :] & of[..., None, None]).to(boxes.dtype)
        found = boxes.new_zeros(len(boxes), n_classes, height, width)
        where = classes.clamp(0, n_classes - 1)[..., None, None].expand_as(there)
        return found.scatter_reduce(1, where, there, "amax") > 0

    if not boxes.shape[1]:
        return torch.ones(len(boxes), n_classes, height, width, dtype=torch.bool, device=boxes.device)
    real = (classes >= 0) & (classes < n_classes)
    lone = real & (flags == LONE)
    of_class = torch.nn.functional.one_hot(classes.clamp(0, n_classes - 1), n_classes).bool()
    alone = (of_class & lone[..., None]).any(dim=1)[..., None, None]
    within = drawn(real & (flags != UNKNOWN), low - _SLACK, high - 1 + _SLACK)
    touched = drawn(real & (flags == UNKNOWN), low - 1 + _SLACK, high - _SLACK)
    return (~alone | within) & ~touched


def draw_centres(boxes: Tensor, classes: Tensor, n_classes: int, shape: tuple[int, int]) -> CentreTargets:
    """Draw true boxes for an output of H×W cells.

        heat_c(p) = max over boxes of class c of exp(-½ ((p - centre) / (SPREAD · side))²)

    Args:
        boxes: [B, M, 4].
        classes: int64 [B, M]; −1: there is no box.
        n_classes: C.
        shape: H and W.

    Example:
        >>> drawn = draw_centres(torch.tensor([[[0.0, 0.0, 0.5, 0.5]]]), torch.tensor([[1]]), 2, (4, 4))
        >>> drawn.heat[0, 1, 1, 1].item(), drawn.heat[0, 0].max().item(), drawn.cell.tolist()
        (1.0, 0.0, [[5]])
    """
    height, width = shape
    cells = boxes.new_tensor([width, height])
    centre = (boxes[..., :2] + boxes[..., 2:] / 2) * cells
    side = boxes[..., 2:] * cells
    real = classes >= 0
    last = torch.tensor([width - 1, height - 1], device=boxes.device)
    place = centre.floor().long().clamp(min=0).minimum(last)
    spread = (SPREAD * side).clamp(min=_NARROWEST)
    columns = torch.arange(width, device=boxes.device)
    rows = torch.arange(height, device=boxes.device)
    # The Gaussian stands on the cell, so that the map is 1 exactly there.
    across = ((columns - place[..., :1]) / spread[..., :1]).square()
    down = ((rows - place[..., 1:]) / spread[..., 1:]).square()
    around = torch.exp(-0.5 * (down[..., :, None] + across[..., None, :])) * real[..., None, None]
    heat = boxes.new_zeros(len(boxes), n_classes, height, width)
    where = classes.clamp(min=0)[..., None, None].expand(-1, -1, height, width)
    heat = heat.scatter_reduce(1, where, around, "amax") if boxes.shape[1] else heat
    cell = torch.where(real, place[..., 1] * width + place[..., 0], 0)
    return CentreTargets(
        heat, cell, side.clamp(min=1e-3).log(), (centre - place).clamp(0, 1), real, classes.clamp(min=0)
    )


def centre_losses(output: Tensor, target: CentreTargets, known: Tensor | None = None) -> Tensor:
    """Return the loss of every picture and class, [B, C], whose mean over the classes is that of the picture.

        Σ over cells of  -(1 - p)² log p                   at a centre,
                         -(1 - heat)⁴ p² log(1 - p)        elsewhere,
        + Σ over its boxes of |offset - place| + SIZE_WEIGHT · |log size|,

    all times C and divided by the picture's number of boxes (≥ 1).

    Args:
        output: [B, C + 4, H, W].
        target: see `draw_centres`.
        known: see `known_cells`: what lies elsewhere is left out, but for the centres; `None`: all is known.
    """
    n_classes = target.heat.shape[1]
    logits = output[:, :n_classes]
    log_p, log_q = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    p = log_p.exp()
    at_centre = (1 - p).square() * -log_p
    elsewhere = (1 - target.heat).pow(4) * p.square() * -log_q
    elsewhere = elsewhere if known is None else torch.where(known, elsewhere, 0.0)
    of_map = torch.where(target.heat >= 1, at_centre, elsewhere).sum(dim=(2, 3))
    of_box = _at(output[:, n_classes:], target.cell)
    size = (of_box[..., :2] - target.size).abs().sum(dim=-1)
    place = (of_box[..., 2:] - target.offset).abs().sum(dim=-1)
    of_boxes = torch.where(target.real, place + SIZE_WEIGHT * size, 0.0)
    by_class = of_map.scatter_add(1, target.classes, of_boxes)
    count = target.real.sum(dim=1, keepdim=True).clamp(min=1)
    return by_class * n_classes / count


def decode_centres(output: Tensor, most: int, least: float = 0.0) -> Tensor:
    """Return the surest boxes of every picture, [B, most, 6]: x, y, width, height, class, score.

    A box stands where its class's map is highest among the eight cells around. The surest comes first;
    class −1 and score 0 fill up what is less sure than `least`.

    Args:
        output: [B, C + 4, H, W].
        most: boxes of a picture, ≥ 1.
        least: lowest score, in [0, 1].
    """
    n, channels, height, width = output.shape
    scores = torch.sigmoid(output[:, : channels - 4])
    peak = scores >= functional.max_pool2d(scores, 3, stride=1, padding=1)
    scores = (scores * peak).flatten(1)
    k = min(most, scores.shape[1])
    score, index = scores.topk(k, dim=1)
    of_class, cell = index // (height * width), index % (height * width)
    of_box = _at(output[:, channels - 4 :], cell)
    cells = output.new_tensor([width, height])
    place = torch.stack([cell % width, cell // width], dim=-1)
    side = of_box[..., :2].clamp(max=_LARGEST).exp() / cells
    centre = (place + of_box[..., 2:].clamp(0, 1)) / cells
    low, high = (centre - side / 2).clamp(0, 1), (centre + side / 2).clamp(0, 1)
    kept = (score > 0) & (score >= least)
    found = torch.cat([low, high - low, of_class[..., None].to(low.dtype), score[..., None]], dim=-1)
    nothing = found.new_tensor([0, 0, 0, 0, -1, 0])
    found = torch.where(kept[..., None], found, nothing)
    return torch.cat([found, nothing.expand(n, most - k, 6)], dim=1)


def _at(maps: Tensor, cell: Tensor) -> Tensor:
    """Return what maps [B, 4, H, W] hold at the cells [B, M], as [B, M, 4]."""
    index = cell[:, None].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, index).movedim(1, -1)
