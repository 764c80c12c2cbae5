"""Labels that lie in a picture, moved as the picture is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

#: A box of which less than this share stays in the picture is no longer there.
LEAST_VISIBLE = 0.25


def move_masks(classes: Tensor, labelled: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
    """Return class numbers and which of them are labels after a move, both [B, H, W].

    Each pixel takes the class of the nearest one; what comes in from outside is no label.

    Args:
        classes: whole numbers [B, H, W].
        labelled: [B, H, W], bool or weights.
        moves: see `Task.moved`.
    """
    moved, left = move_field(classes[:, None].float(), labelled, moves)
    return moved[:, 0].round().to(classes.dtype), left


def move_field(field: Tensor, labelled: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
    """Return numbers of every pixel [B, C, H, W] and which are labels [B, H, W] after a move.

    Each pixel takes the numbers of the nearest one; what comes in from outside is no label.

    Args:
        field: floats.
        labelled: [B, H, W], bool or weights.
        moves: see `Task.moved`.
    """
    both = torch.cat([field, labelled[:, None].to(field.dtype)], dim=1)
    grid = functional.affine_grid(moves.to(both), list(both.shape), align_corners=False)
    found = functional.grid_sample(both, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return found[:, :-1], found[:, -1].to(labelled.dtype)


def turn_directions(field: Tensor, moves: Tensor) -> Tensor:
    """Return directions (x, y, z) of every pixel [B, 3, H, W] turned and mirrored as a picture is moved.

    x points as the columns go or against them, y as the rows go or against them: either way the same holds.

    Args:
        field: in their new places already.
        moves: see `Task.moved`.
    """
    linear = moves[:, :, :2].to(field)
    # Parts of sides made pixels of the picture, whose sides may differ otherwise than the field's: a turn of
    # pixels moves x by as much of y as y by x.
    across = (linear[:, 0, 1] * linear[:, 1, 0]).abs().sqrt()
    turned = torch.stack([torch.zeros_like(across), across, across, torch.zeros_like(across)], dim=1)
    linear = torch.diag_embed(linear.diagonal(dim1=1, dim2=2)) + linear.sign() * turned.unflatten(1, (2, 2))
    # The move leads from new to old, directions go the other way; a change of size turns nothing.
    inverse = torch.linalg.inv(linear)
    inverse = inverse * torch.linalg.det(linear).abs().sqrt()[:, None, None]
    flat = torch.einsum("bij,bjhw->bihw", inverse, field[:, :2])
    return torch.cat([flat, field[:, 2:]], dim=1)


def move_boxes(
    boxes: Tensor, classes: Tensor, moves: Tensor, least: float | Tensor = LEAST_VISIBLE
) -> tuple[Tensor, Tensor]:
    """Return boxes [B, M, 4] and their classes [B, M] after a move; class −1: it has left the picture.

    Args:
        boxes: x, y, width, height in parts of the picture.
        classes: int64; −1: there is no box.
        moves: see `Task.moved`.
        least: share of a box that must stay in the picture; one for all, or [B, M].
    """
    low, high = boxes[..., :2], boxes[..., :2] + boxes[..., 2:]
    corners = torch.stack(
        [
            low,
            torch.stack([high[..., 0], low[..., 1]], -1),
            torch.stack([low[..., 0], high[..., 1]], -1),
            high,
        ],
        dim=2,
    )
    new = _moved_places(corners, moves)
    first, last = new.amin(dim=2), new.amax(dim=2)
    whole = (last - first).prod(dim=-1)
    first, last = first.clamp(0, 1), last.clamp(0, 1)
    seen = (last - first).prod(dim=-1)
    there = (classes >= 0) & (seen > least * whole)
    moved = torch.cat([first, last - first], dim=-1)
    return torch.where(there[..., None], moved, 0.0), torch.where(there, classes, -1)


def move_points(points: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
    """Return points [B, P, 2] after a move, and which of them are in the picture, bool [B, P].

    Args:
        points: x, y in parts of the picture.
        moves: see `Task.moved`.
    """
    new = _moved_places(points, moves)
    return new.clamp(0, 1), ((new >= 0) & (new <= 1)).all(dim=-1)


def _moved_places(places: Tensor, moves: Tensor) -> Tensor:
    """Return places [B, ..., 2] in parts of the picture after a move."""
    between = [1] * (places.dim() - 2)
    linear, shift = moves[:, :, :2].to(places), moves[:, :, 2].to(places)
    # The move leads from new places to old ones, what lies there goes the other way.
    old = 2 * places - 1 - shift.reshape(-1, *between, 2)
    return (torch.linalg.solve(linear.reshape(-1, *between, 2, 2), old[..., None])[..., 0] + 1) / 2
