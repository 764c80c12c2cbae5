"""Pictures blended with others of their batch, and the classes of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.tasks import Task


@final
class PictureMixing:
    """Blends pictures with others of their batch; each blend has the labels of both.

        x'[i] = (1 - v[i]) x[i] + v[i] x[j],    loss'[i] = λ loss(y[i]) + (1 - λ) loss(y[j])

    with 1 - λ the mean of v over the picture. For MixUp v is the same everywhere, and λ ~ Beta(α, α). For
    CutMix v is 1 in a rectangle and 0 elsewhere: its centre is uniform, its sides are √(1 - λ) of the
    picture's with that λ, and what lies outside is cut off.

    The partner j is one of the rows that have every class that row i has, itself included, so that a blend is
    told both its classes or none. In the rectangle of CutMix each pixel of a mask or field has the label of
    the picture that it comes from, and none where that one has none. Otherwise row i stays whole where it has
    a label of a task that is not of classes: boxes and words lie in a picture, a mask says nothing of a sum
    of two, and a number of a blend, such as a count, is not known.

    Args:
        mixup: α of MixUp, ≥ 0; 0: none.
        cutmix: α of CutMix, ≥ 0; 0: none. With both each row has either with probability ½.

    Raises:
        InvalidArgumentError: a value is out of its range.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018, https://arxiv.org/abs/1710.09412;
    Yun et al., "CutMix", 2019, https://arxiv.org/abs/1905.04899; of masks French et al.,
    "Semi-supervised semantic segmentation needs strong, varied perturbations", 2020,
    https://arxiv.org/abs/1906.01916. Their code draws one λ a batch, and partners by a permutation; here each
    row draws its own. Pixels on the rectangle's edge are blended, so that λ is
    the same for pictures of any size. Numbers stay out: blends of any two rows harm regression (Yao et al.,
    "C-Mixup", 2022, https://arxiv.org/abs/2210.05775).

    Example:
        >>> mixing = PictureMixing(cutmix=1.0)
        >>> share = mixing.shares(2, torch.Generator().manual_seed(0))
        >>> coverage(share, (28, 28)).mean(dim=(1, 2, 3)).allclose(1 - share_of_own(share))
        True
    """

    def __init__(self, mixup: float = 0.0, cutmix: float = 0.0) -> None:
        for name, value in (("mixup", mixup), ("cutmix", cutmix)):
            if not 0 <= value < float("inf"):
                raise InvalidArgumentError(
                    f"PictureAugmentation({name}={value!r}): expected a number in [0, inf), α of Beta(α, α)."
                )
        self.mixup = mixup
        self.cutmix = cutmix

    @property
    def active(self) -> bool:
        """Whether anything is blended."""
        return self.mixup > 0 or self.cutmix > 0

    def shares(self, n_rows: int, generator: torch.Generator | None = None) -> Tensor:
        """Return for each row what its partner has in it, float32 [B, 5].

        That is the share v, and the left, upper, right and lower edge of where it is, in parts of the sides.
        """
        seed = torch.randint(2**62, (1,), generator=generator).tolist()
        draws = np.random.default_rng(seed)
        cut = draws.random(n_rows) < (0.5 if self.mixup and self.cutmix else float(self.cutmix > 0))
        own = np.where(
            cut, *(draws.beta(alpha or 1, alpha or 1, n_rows) for alpha in (self.cutmix, self.mixup))
        )
        centre, half = draws.random((n_rows, 2)), np.sqrt(1 - own)[:, None] / 2
        low = np.where(cut[:, None], (centre - half).clip(0, 1), 0.0)
        high = np.where(cut[:, None], (centre + half).clip(0, 1), 1.0)
        share = np.where(cut, 1.0, 1 - own)
        return torch.from_numpy(np.column_stack([share, low, high])).float()


def coverage(shares: Tensor, size: Sequence[int]) -> Tensor:
    """Return v for every pixel, [B, 1, H, W].

    Args:
        shares: [B, 5], see `PictureMixing.shares`.
        size: H and W.
    """
    height, width = size
    across = _covered(shares[:, 1:2], shares[:, 3:4], width)
    down = _covered(shares[:, 2:3], shares[:, 4:5], height)
    return shares[:, 0, None, None, None] * down[:, None, :, None] * across[:, None, None, :]


def _covered(low: Tensor, high: Tensor, length: int) -> Tensor:
    """Return how much of each pixel of a row lies between two places, [B, length]."""
    edges = torch.arange(length + 1, device=low.device)
    return (torch.minimum(high * length, edges[1:]) - torch.maximum(low * length, edges[:-1])).clamp(0, 1)


def share_of_own(shares: Tensor) -> Tensor:
    """Return λ of each row, [B]."""
    return 1 - shares[:, 0] * (shares[:, 3] - shares[:, 1]) * (shares[:, 4] - shares[:, 2])


def is_cut(shares: Tensor) -> Tensor:
    """Return which rows have a rectangle that is all the partner's, bool [B]."""
    return shares[:, 0] == 1


def blends(task: Task) -> bool:
    """Whether a task's labels may be those of two pictures: classes of a whole row."""
    return task.reads == "vector" and task.has_classes


def partners(masks: Mapping[str, Tensor], tasks: Sequence[Task], draws: Tensor, cut: Tensor) -> Tensor:
    """Return for each row the number of the one that it is blended with, int64 [B]; its own: it stays whole.

    Args:
        masks: task -> [B, T, ...], bool or weights.
        tasks: those of the masks.
        draws: uniform in [0, 1), [B].
        cut: see `is_cut`.

    Example:
        >>> from cotrain.tasks import Binary
        >>> known = torch.tensor([[True], [False], [True]])
        >>> partners({"a": known}, [Binary("a")], torch.tensor([0.9, 0.1, 0.0]), torch.ones(3)).tolist()
        [2, 0, 0]
    """
    present = [task for task in tasks if task.name in masks]
    labelled = {task.name: (masks[task.name] > 0).flatten(1) for task in present}
    n_rows, none = len(draws), draws.new_zeros(len(draws), 0)
    known = torch.cat([none, *(labelled[task.name] for task in present if blends(task))], dim=1).float()
    others = [
        labelled[task.name].any(dim=1, keepdim=True) & ~(cut.bool()[:, None] & task.pixelwise)
        for task in present
        if not blends(task)
    ]
    whole = torch.cat([none.bool(), *others], dim=1).any(dim=1)
    # Row j has all labels of row i where no label of i is missing in j.
    possible = (known @ (1 - known).T == 0) & ~whole[:, None]
    possible = possible | torch.eye(n_rows, dtype=torch.bool, device=draws.device)
    counts = possible.long().cumsum(dim=1)
    rank = (draws * counts[:, -1]).long().minimum(counts[:, -1] - 1)
    return torch.searchsorted(counts, rank[:, None], right=True)[:, 0]


def blend(
    batch: Mapping[str, Any], keys: Sequence[str], tasks: Sequence[Task], *, partner: Tensor, shares: Tensor
) -> dict[str, Any]:
    """Return a batch of blended pictures; tasks that blend have two labels a row, [B, 2, T], with weights.

    Labels of pixels go where their pixels go.

    Args:
        batch: "inputs", "targets" and "masks".
        keys: the pictures among the inputs, floats [B, C, H, W].
        tasks: those of the targets.
        partner: see `partners`.
        shares: see `PictureMixing.shares`.
    """
    inputs, targets, masks = (dict(batch[part]) for part in ("inputs", "targets", "masks"))
    for key in keys:
        pictures = inputs[key]
        inputs[key] = torch.lerp(pictures, pictures[partner], coverage(shares, pictures.shape[2:]))
    own = share_of_own(shares)[:, None]
    for task in tasks:
        if task.name in targets and blends(task):
            target, mask = targets[task.name], masks[task.name]
            targets[task.name] = torch.stack([target, target[partner]], dim=1)
            parts = [own * mask, (1 - own) * mask[partner] * (mask > 0)]
            masks[task.name] = torch.stack(parts, dim=1)
        elif task.name in targets and task.pixelwise:
            target, mask = targets[task.name], masks[task.name]
            pasted = (coverage(shares, mask.shape[1:]) > 0.5) & is_cut(shares)[:, None, None, None]
            there = pasted if target.dim() > mask.dim() else pasted[:, 0]
            targets[task.name] = torch.where(there, target[partner], target)
            masks[task.name] = torch.where(pasted[:, 0], mask[partner], mask)
    return {**batch, "inputs": inputs, "targets": targets, "masks": masks}
