"""Pictures, their masks and their boxes, moved and recoloured together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from cotrain._base import InvalidArgumentError

#: A box of which less than this share stays in the picture is no longer there.
LEAST_VISIBLE = 0.25


@final
@dataclass(frozen=True)
class PictureAugmentation:
    """One affine move and one change of colour a row, drawn anew in every step.

    Args:
        flip: whether half of the rows are mirrored left to right.
        flip_vertical: whether half of the rows are mirrored upside down as well, as of pictures from above.
        scale: largest change of size either way, in [0, 1): 0.2 = from 1/1.2 to 1.2 times.
        shift: largest move in either direction, in parts of the side, in [0, 1).
        rotate: largest turn either way in degrees, in [0, 180]. The box of a turned box is the smallest that
            holds its corners, somewhat too large.
        brightness: largest change of all values, in parts of their range, ≥ 0.
        contrast: largest change of the distances from the picture's mean, in [0, 1).

    Raises:
        InvalidArgumentError: a value is out of its range.

    Example:
        >>> augmentation = PictureAugmentation(scale=0.1)
        >>> moves = augmentation.draw(4, torch.Generator().manual_seed(0))
        >>> moves.shape, move_pictures(torch.rand(4, 3, 8, 8), moves).shape
        (torch.Size([4, 2, 3]), torch.Size([4, 3, 8, 8]))
    """

    flip: bool = True
    flip_vertical: bool = False
    scale: float = 0.2
    shift: float = 0.1
    rotate: float = 0.0
    brightness: float = 0.1
    contrast: float = 0.2

    def __post_init__(self) -> None:
        ranges = {"scale": 1.0, "shift": 1.0, "contrast": 1.0, "rotate": 180.1, "brightness": float("inf")}
        for name, end in ranges.items():
            if not 0 <= getattr(self, name) < end:
                raise InvalidArgumentError(
                    f"PictureAugmentation({name}={getattr(self, name)!r}): expected a number in [0, "
                    f"{'180]' if name == 'rotate' else f'{end:g})'}."
                )

    def draw(self, n_rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Return a move for each row, [B, 2, 3]: from places in the new picture to places in the old one.

        Places are (x, y) in [-1, 1] from the left and upper edge to the right and lower one.

        Args:
            n_rows: B.
            generator: what it draws from; `None`: torch's own stream, which a fit seeds in every step.
        """
        draws = torch.rand(n_rows, 6, generator=generator)
        ones = torch.ones(n_rows)
        across = torch.where(draws[:, 0] < 0.5, -ones, ones) if self.flip else ones
        down = torch.where(draws[:, 1] < 0.5, -ones, ones) if self.flip_vertical else ones
        size = (1 + self.scale) ** (2 * draws[:, 2] - 1)
        angle = torch.deg2rad(self.rotate * (2 * draws[:, 3] - 1))
        cosine, sine = torch.cos(angle) / size, torch.sin(angle) / size
        # Twice the shift, since the picture is two wide in these places.
        x, y = 2 * self.shift * (2 * draws[:, 4:].T - 1)
        rows = torch.stack([across * cosine, -down * sine, x, across * sine, down * cosine, y], dim=1)
        return rows.reshape(n_rows, 2, 3)

    def recolour(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return pictures [B, C, H, W] of other brightness and contrast, each within its own range."""
        draws = 2 * torch.rand(2, len(pictures), 1, 1, 1, generator=generator).to(pictures) - 1
        low, high = pictures.amin(dim=(1, 2, 3), keepdim=True), pictures.amax(dim=(1, 2, 3), keepdim=True)
        mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
        changed = mean + (pictures - mean) * (1 + self.contrast * draws[0])
        changed = changed + self.brightness * draws[1] * (high - low)
        return changed.clamp(low, high)


def move_pictures(pictures: Tensor, moves: Tensor) -> Tensor:
    """Return pictures [B, C, H, W] moved, bilinear; what comes in from outside repeats the edge.

    Args:
        pictures: floats.
        moves: see `PictureAugmentation.draw`.
    """
    grid = functional.affine_grid(moves.to(pictures), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def move_masks(classes: Tensor, labelled: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
    """Return class numbers and which of them are labels after a move, both [B, H, W].

    Each pixel takes the class of the nearest one; what comes in from outside is no label.

    Args:
        classes: int64 [B, H, W].
        labelled: bool [B, H, W].
        moves: see `PictureAugmentation.draw`.
    """
    both = torch.stack([classes, labelled.to(classes.dtype)], dim=1).double()
    grid = functional.affine_grid(moves.double(), list(both.shape), align_corners=False)
    found = functional.grid_sample(both, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return found[:, 0].round().to(classes.dtype), found[:, 1] > 0.5


def move_boxes(boxes: Tensor, classes: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes [B, M, 4] and their classes [B, M] after a move; class −1: it has left the picture.

    Args:
        boxes: x, y, width, height in parts of the picture.
        classes: int64; −1: there is no box.
        moves: see `PictureAugmentation.draw`.
    """
    linear, shift = moves[:, :, :2].to(boxes), moves[:, :, 2].to(boxes)
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
    # The move leads from new places to old ones, boxes go the other way.
    old = 2 * corners - 1 - shift[:, None, None]
    new = (torch.linalg.solve(linear[:, None, None], old[..., None])[..., 0] + 1) / 2
    first, last = new.amin(dim=2), new.amax(dim=2)
    whole = (last - first).prod(dim=-1)
    first, last = first.clamp(0, 1), last.clamp(0, 1)
    seen = (last - first).prod(dim=-1)
    there = (classes >= 0) & (seen > LEAST_VISIBLE * whole)
    moved = torch.cat([first, last - first], dim=-1)
    return torch.where(there[..., None], moved, 0.0), torch.where(there, classes, -1)
