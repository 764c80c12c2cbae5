"""Pictures moved and recoloured, and their labels with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from cotrain._base import InvalidArgumentError
from cotrain._base._inputs import PICTURE
from cotrain.tasks import Task
from cotrain.training._picture_mixing import PictureMixing, blend, blends, is_cut, partners


@final
class PictureAugmentation:
    """One affine move and one change of colour a row, drawn anew in every step.

    The defaults are mild: on pictures of composed digits they took boxes from .42 to .48 mAP in as many
    steps, and left masks and classes within two points (validation rows, one seed).

    Masks and boxes move with their picture (`Task.moved`); classes and numbers of a whole picture stay as
    they are, so ask for nothing that would change them: a mirrored digit is another sign, a nucleus that is
    moved out of the picture is no longer counted.

    Args:
        flip: whether half of the rows are mirrored left to right.
        flip_vertical: whether half of the rows are mirrored upside down as well, as of pictures from above.
        scale: largest change of size either way, in [0, 1): 0.2 = from 1/1.2 to 1.2 times.
        shift: largest move in either direction, in parts of the side, in [0, 1).
        rotate: largest turn either way in degrees, in [0, 180]. The box of a turned box is the smallest that
            holds its corners, somewhat too large.
        brightness: largest change of all values, in parts of their range, ≥ 0.
        contrast: largest change of the distances from the picture's mean, in [0, 1).
        mixup: α ≥ 0 of MixUp, usually 0.1 to 0.4: a picture is blended with another of its batch, by
            λ ~ Beta(α, α) to 1 - λ, and learns the classes of both in these parts. 0: no.
        cutmix: α ≥ 0 of CutMix, usually 1: a rectangle of another picture instead, and of its mask. 0: no.
            Rows with boxes or numbers stay whole with either, and with masks under MixUp; `PictureMixing`
            says which are blended with which.

    Raises:
        InvalidArgumentError: a value is out of its range.

    Example:
        >>> augmentation = PictureAugmentation(scale=0.1)
        >>> moves = augmentation.draw(4, torch.Generator().manual_seed(0))
        >>> moves.shape, move_pictures(torch.rand(4, 3, 8, 8), moves).shape
        (torch.Size([4, 2, 3]), torch.Size([4, 3, 8, 8]))
    """

    def __init__(
        self,
        *,
        flip: bool = False,
        flip_vertical: bool = False,
        scale: float = 0.1,
        shift: float = 0.05,
        rotate: float = 0.0,
        brightness: float = 0.1,
        contrast: float = 0.2,
        mixup: float = 0.0,
        cutmix: float = 0.0,
    ) -> None:
        self.flip = flip
        self.flip_vertical = flip_vertical
        self.scale = scale
        self.shift = shift
        self.rotate = rotate
        self.brightness = brightness
        self.contrast = contrast
        self.mixup = mixup
        self.cutmix = cutmix
        self.mixing = PictureMixing(mixup, cutmix)
        ranges = {"scale": 1.0, "shift": 1.0, "contrast": 1.0, "rotate": 180.1, "brightness": float("inf")}
        for name, end in ranges.items():
            if not 0 <= getattr(self, name) < end:
                raise InvalidArgumentError(
                    f"PictureAugmentation({name}={getattr(self, name)!r}): expected a number in [0, "
                    f"{'180]' if name == 'rotate' else f'{end:g})'}."
                )

    def draw(self, n_rows: int, generator: torch.Generator | None = None, *, aspect: float = 1.0) -> Tensor:
        """Return a move for each row, [B, 2, 3]; see `Task.moved`.

        Args:
            n_rows: B.
            generator: what it draws from; `None`: torch's own stream.
            aspect: width of the pictures in parts of their height: turned are pixels, not parts of sides.
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
        parts = [across * cosine, -down * sine / aspect, x, across * sine * aspect, down * cosine, y]
        rows = torch.stack(parts, dim=1)
        return rows.reshape(n_rows, 2, 3)

    def recolour(self, pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return pictures [B, C, H, W] of other brightness and contrast, each within its own range."""
        draws = (2 * torch.rand(2, len(pictures), 1, 1, 1, generator=generator) - 1).to(pictures)
        low, high = pictures.amin(dim=(1, 2, 3), keepdim=True), pictures.amax(dim=(1, 2, 3), keepdim=True)
        mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
        changed = mean + (pictures - mean) * (1 + self.contrast * draws[0])
        changed = changed + self.brightness * draws[1] * (high - low)
        return changed.clamp(low, high)


def move_pictures(pictures: Tensor, moves: Tensor) -> Tensor:
    """Return pictures [B, C, H, W] moved, bilinear; what comes in from outside repeats the edge.

    Args:
        pictures: floats.
        moves: see `Task.moved`.
    """
    grid = functional.affine_grid(moves.to(pictures), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


@final
@dataclass(frozen=True)
class PictureChanges:
    """An augmentation of pictures, of each by draws of its own, and of the labels of all tasks.

    Args:
        augmentation: what is drawn.
        keys: names of the inputs, [B, C, H, W] whole or real numbers. A task whose `position_column` is one
            of them moves with that one, others with the first.
        tasks: those that have labels in the batches; of others nothing is said.

    Example:
        >>> changes = PictureChanges(PictureAugmentation(), ["image"], [])
        >>> batch = {"inputs": {"image": torch.rand(2, 1, 6, 9)}, "targets": {}, "masks": {}}
        >>> changes(batch, torch.Generator().manual_seed(0))["inputs"]["image"].shape
        torch.Size([2, 1, 6, 9])
    """

    augmentation: PictureAugmentation
    keys: Sequence[str]
    tasks: Sequence[Task]

    def __call__(self, batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
        """Return another batch; the one given stays as it is.

        Args:
            batch: "inputs", "targets" and "masks".
            generator: of the host, what is drawn from.
        """
        inputs, moves = dict(batch["inputs"]), dict[str, Tensor]()
        for key in self.keys:
            pictures = inputs[key] if inputs[key].is_floating_point() else inputs[key].float()
            height, width = pictures.shape[2:]
            drawn = self.augmentation.draw(len(pictures), generator, aspect=width / height)
            moves[key] = drawn.to(pictures.device, non_blocking=True)
            inputs[key] = self.augmentation.recolour(move_pictures(pictures, moves[key]), generator)
        targets, masks = dict(batch["targets"]), dict(batch["masks"])
        for task in self.tasks:
            if task.name in targets:
                name = task.name
                own = moves.get(f"{PICTURE}{task.position_column}", moves[self.keys[0]])
                targets[name], masks[name] = task.moved(targets[name], masks[name], own)
        changed = {**batch, "inputs": inputs, "targets": targets, "masks": masks}
        return self._mixed(changed, generator) if self.augmentation.mixing.active else changed

    def _mixed(self, batch: Mapping[str, Any], generator: torch.Generator) -> dict[str, Any]:
        pictures = batch["inputs"][self.keys[0]]
        n_rows, device = len(pictures), pictures.device
        shares = self.augmentation.mixing.shares(n_rows, generator).to(device, non_blocking=True)
        draws = torch.rand(n_rows, generator=generator).to(device, non_blocking=True)
        partner = partners(batch["masks"], self.tasks, draws, is_cut(shares))
        return blend(batch, self.keys, self.tasks, partner=partner, shares=shares)

    def remark(self, labelled: Tensor) -> str:
        """Return how many rows are blended with others, and why not more; "": none is asked to be.

        Args:
            labelled: [N, K], which of the tasks has a label.
        """
        if not self.augmentation.mixing.active:
            return ""
        cut = self.augmentation.cutmix > 0
        mixed = torch.tensor([blends(task) or (cut and task.pixelwise) for task in self.tasks])
        of_classes, of_others = labelled[:, mixed].any(dim=1), labelled[:, ~mixed]
        n_rows = int(labelled.any(dim=1).sum())
        n_mixed = int((of_classes & ~of_others.any(dim=1)).sum())
        said = f"mixup and cutmix: {n_mixed:,} of {n_rows:,} training rows are blended with others"
        others = [task.name for task, own in zip(self.tasks, mixed.tolist(), strict=True) if not own]
        if n_mixed == n_rows or not others:
            return said
        return f"{said}; those with a label of {', '.join(others)} stay whole: it is of the picture as it is"
