"""Whether the pictures of a fit are changed from step to step, and how."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cotrain._base import InputSpec, InvalidArgumentError
from cotrain.tasks import Task
from cotrain.training import PictureAugmentation
from cotrain.training._picture_augmentation import PictureChanges

#: "auto": as `PictureAugmentation()` says where the inputs have columns of pictures, else not.
Augmentation = PictureAugmentation | Literal["auto"] | None


def require_augmentation(choice: object) -> None:
    """Raise `InvalidArgumentError` if it is no choice of augmentation."""
    if not (choice is None or choice == "auto" or isinstance(choice, PictureAugmentation)):
        raise InvalidArgumentError(
            f"Learner(augmentation={choice!r}): expected a PictureAugmentation, 'auto' or None."
        )


def picture_changes(choice: Augmentation, spec: InputSpec, tasks: Sequence[Task]) -> PictureChanges | None:
    """Return what changes the batches of a fit; `None`: nothing does.

    Args:
        choice: the user's.
        spec: of the inputs.
        tasks: fitted.

    Raises:
        InvalidArgumentError: the user wants one, and the inputs have no picture, or several tensors, of which
            nobody knows where masks and boxes lie; or rows are to be blended that have other inputs, too.

    Example:
        >>> picture_changes("auto", InputSpec(n_numbers=3), []) is None
        True
        >>> picture_changes(PictureAugmentation(), InputSpec(n_numbers=3), [])
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: augmentation: ... have no picture: leave it out.
    """
    if choice is None:
        return None
    if choice == "auto":
        return PictureChanges(PictureAugmentation(), list(spec.pictures), tasks) if spec.pictures else None
    keys = list(spec.pictures) or [name for name, shape in spec.tensors.items() if len(shape) == 3]
    if not keys or (len(keys) > 1 and not spec.pictures):
        found = f"several ({', '.join(keys)}), of which it moves one at most" if keys else "no picture"
        raise InvalidArgumentError(
            f"augmentation: moves and recolours pictures, but the inputs have {found}: leave it out."
        )
    if choice.mixing.active:
        _require_only_pictures(spec, keys)
    return PictureChanges(choice, keys, tasks)


def _require_only_pictures(spec: InputSpec, keys: Sequence[str]) -> None:
    """Raise `InvalidArgumentError` if rows have something that cannot be blended."""
    others = [name for name in (*spec.tensors, *spec.ragged) if name not in keys]
    for kind in ("words", "characters", "subwords", "sounds", "bags"):
        others += [name.partition(":")[2] for name in getattr(spec, kind)]
    columns = ["columns of numbers"] if spec.n_numbers else []
    columns += ["columns of categories"] if spec.cardinalities else []
    if columns or others:
        raise InvalidArgumentError(
            "augmentation: mixup and cutmix blend rows that are nothing but pictures, but the inputs have "
            f"{', '.join([*columns, *dict.fromkeys(others)])} beside them: leave mixup and cutmix out, or "
            "drop these under columns:."
        )
