"""The first thing that happens to pictures: numbers about zero."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError, PictureSpec, did_you_mean
from cotrain._base._inputs import PICTURE
from cotrain.networks._checks import refuse_lengths
from cotrain.networks.encoders._table_encoder import TableInputs

#: Of the table beside the pictures: width of a category's embedding, of a tag's or word's, and their dropout.
_EMBEDDINGS = (8, 32, 0.5)


@final
class PictureInput(nn.Module):
    """Takes pictures [B, C, H, W] from the inputs, as floats; those of a picture column standardised.

        (value - mean) / deviation, per channel, with those of the training pictures

    Args:
        key: name of the input tensor.
        picture: what is known of the pictures; `None`: the tensor is taken as it is.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, key: str, picture: PictureSpec | None) -> None:
        super().__init__()
        self.key = key
        self.standardised = picture is not None
        if picture is not None:
            # Known from the description of the inputs: not persistent, so that a saved network holds learned
            # numbers only.
            self.register_buffer("mean", torch.tensor(picture.mean).view(-1, 1, 1), persistent=False)
            scale = 1 / torch.tensor(picture.deviation).view(-1, 1, 1)
            self.register_buffer("scale", scale, persistent=False)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return floats [B, C, H, W]."""
        refuse_lengths(inputs, self.key)
        pictures = inputs[self.key]
        return (pictures.to(self.mean.dtype) - self.mean) * self.scale if self.standardised else pictures


@final
class PictureWithTable(nn.Module):
    """The map of a picture's first stage, and the row's other columns added to every position of it.

        h[b, :, y, x] + W t[b]

    Args:
        pictures: takes the pictures from the inputs.
        stage: from pictures [B, C, H, W] to a map [B, D, H', W'].
        table: from the inputs to the vector t of the other columns.
        width: D.
    """

    def __init__(self, pictures: PictureInput, stage: nn.Module, table: TableInputs, width: int) -> None:
        super().__init__()
        self.pictures = pictures
        self.stage = stage
        self.table = table
        self.condition = nn.Linear(table.width, width)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the map [B, D, H', W']."""
        return self.stage(self.pictures(inputs)) + self.condition(self.table(inputs))[..., None, None]


def first_stage(spec: InputSpec, key: str, stage: nn.Module, width: int) -> nn.Module:
    """Return a stage that reads pictures, and the other columns of the table where there are any.

    Args:
        spec: of the inputs.
        key: the input that holds the pictures.
        stage: from pictures [B, C, H, W] to a map [B, D, H', W'].
        width: D.
    """
    pictures = PictureInput(key, spec.pictures.get(key))
    if not (spec.n_numbers or spec.cardinalities or spec.bags):
        return nn.Sequential(pictures, stage)
    return PictureWithTable(pictures, stage, TableInputs(spec, *_EMBEDDINGS), width)


def picture_key(owner: object, key: str | None, spec: InputSpec) -> str:
    """Return the input that holds the pictures: the one that was named, or the only one there is.

    Args:
        owner: who asks, for errors.
        key: its name, with or without "picture:"; `None`: the only picture column, or the only tensor of
            three axes, or "image".
        spec: of the inputs.

    Raises:
        InvalidArgumentError: there are several, or other columns beside them, which would be left out.
    """
    name = type(owner).__name__
    if key is not None:
        return PICTURE + key if PICTURE + key in spec.pictures else key
    candidates = list(spec.pictures) or [k for k, shape in spec.tensors.items() if len(shape) == 3]
    if len(candidates) > 1:
        columns = [candidate.removeprefix(PICTURE) for candidate in candidates]
        raise InvalidArgumentError(
            f"{name}: there are pictures in {', '.join(columns)}: say which to read, such as "
            f"key={columns[0]!r}."
        )
    return candidates[0] if candidates else "image"


def channels_of(owner: object, key: str, spec: InputSpec) -> int:
    """Return the number of channels of the pictures.

    Raises:
        InvalidArgumentError: it is not known, or a row has other axes.
    """
    shapes = {name: picture.shape for name, picture in spec.pictures.items()} | dict(spec.tensors)
    name = type(owner).__name__
    if key not in shapes:
        raise InvalidArgumentError(
            f"{name}(key={key!r}): the inputs describe no such tensor: {did_you_mean(key, shapes)}"
        )
    shape = tuple(shapes[key])
    if len(shape) != 3:
        raise InvalidArgumentError(
            f"{name}(key={key!r}): a row has shape {shape}, expected 3 axes after the batch."
        )
    return shape[0]
