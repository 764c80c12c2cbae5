"""The first thing that happens to pictures: numbers about zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

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
class SeveralPictures(nn.Module):
    """The maps of several pictures of a row, one behind the other in the first axis, as rows of their own.

        h[p·B + b] = stem_p(picture p of row b) + v_p

    with v_p a learned vector that tells which picture it is. What follows sees P·B rows: every stage works
    row by row, so that the pictures are read by one network and never mixed before the heads.

    Args:
        pictures: take P pictures from the inputs.
        stems: from pictures [B, C, H, W] to a map [B, D, H', W']; one for all, or one each.
        shape: C, H and W that the stems read: pictures of other sizes are resized, grey ones repeated.
        width: D.
    """

    def __init__(
        self, pictures: Sequence[PictureInput], stems: Sequence[nn.Module], shape: Sequence[int], width: int
    ) -> None:
        super().__init__()
        #: Names of the columns, in the order of the rows.
        self.names = tuple(one.key.removeprefix(PICTURE) for one in pictures)
        self.pictures = nn.ModuleList(pictures)
        self.stems = nn.ModuleList(stems)
        self.columns = nn.Parameter(torch.randn(len(pictures), width) / math.sqrt(width))
        self.shape = tuple(shape)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the maps [P·B, D, H', W']."""
        stems = list(self.stems) * (len(self.pictures) if len(self.stems) == 1 else 1)
        maps = [
            stem(self._fitted(pictures(inputs))) + column[:, None, None]
            for pictures, stem, column in zip(self.pictures, stems, self.columns, strict=True)
        ]
        return torch.cat(maps)

    def _fitted(self, pictures: Tensor) -> Tensor:
        channels, height, width = self.shape
        if pictures.shape[2:] != (height, width):
            pictures = functional.interpolate(pictures, (height, width), mode="bilinear", align_corners=False)
        return pictures if pictures.shape[1] == channels else pictures.expand(-1, channels, -1, -1)


@final
class PictureWithTable(nn.Module):
    """The map of a picture's first stage, and the row's other columns added to every position of it.

        h[b, :, y, x] + W t[b]

    Args:
        pictures: from the inputs to a map [B, D, H', W'], or those of P pictures, [P·B, D, H', W'].
        table: from the inputs to the vector t of the other columns.
        width: D.
    """

    def __init__(self, pictures: nn.Module, table: TableInputs, width: int) -> None:
        super().__init__()
        self.pictures = pictures
        self.table = table
        self.condition = nn.Linear(table.width, width)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the map [B, D, H', W'], or P of them."""
        maps, condition = self.pictures(inputs), self.condition(self.table(inputs))
        return maps + condition.repeat(len(maps) // len(condition), 1)[..., None, None]


def first_stage(spec: InputSpec, keys: Sequence[str], stems: Sequence[nn.Module], width: int) -> nn.Module:
    """Return a stage that reads pictures, and the other columns of the table where there are any.

    Args:
        spec: of the inputs.
        keys: the inputs that hold the pictures.
        stems: from pictures [B, C, H, W] to a map [B, D, H', W']; one for all, or one each.
        width: D.
    """
    inputs = [PictureInput(key, spec.pictures.get(key)) for key in keys]
    several = len(keys) > 1
    maps: nn.Module = (
        SeveralPictures(inputs, stems, _common_shape(spec, keys), width)
        if several
        else nn.Sequential(inputs[0], stems[0])
    )
    if not (spec.n_numbers or spec.cardinalities or spec.bags):
        return maps
    return PictureWithTable(maps, TableInputs(spec, *_EMBEDDINGS), width)


def picture_keys(owner: object, key: str | Sequence[str] | None, spec: InputSpec) -> tuple[str, ...]:
    """Return the inputs that hold the pictures: those that were named, or all columns of pictures.

    Args:
        owner: who asks, for errors.
        key: their names, with or without "picture:"; `None`: all columns of pictures, or the only tensor of
            three axes, or "image".
        spec: of the inputs.

    Raises:
        InvalidArgumentError: there are several tensors of three axes, or none is named.
    """
    name = type(owner).__name__
    if key is not None:
        named = [key] if isinstance(key, str) else list(key)
        if not named or len(set(named)) < len(named):
            raise InvalidArgumentError(f"{name}(key={key!r}): expected one or more different columns.")
        return tuple(PICTURE + one if PICTURE + one in spec.pictures else one for one in named)
    candidates = [k for k, shape in spec.tensors.items() if len(shape) == 3]
    if not spec.pictures and len(candidates) > 1:
        raise InvalidArgumentError(
            f"{name}: there are pictures in {', '.join(candidates)}: say which to read, such as "
            f"key={candidates[0]!r}, or a list of them."
        )
    return tuple(spec.pictures) or tuple(candidates) or ("image",)


def n_channels_of(owner: object, keys: Sequence[str], spec: InputSpec) -> int:
    """Return the number of channels that pictures have in common: that of the colourful ones.

    Raises:
        InvalidArgumentError: it is not known, a row has other axes, or some have 3 and others 4.
    """
    channels = {key: channels_of(owner, key, spec) for key in keys}
    most = max(channels.values())
    if set(channels.values()) - {1, most}:
        said = ", ".join(f"{key.removeprefix(PICTURE)} {n}" for key, n in channels.items())
        raise InvalidArgumentError(
            f"{type(owner).__name__}: the pictures have different numbers of channels ({said}): choose one "
            "under columns:, as in {kind: picture, channels: 3}."
        )
    return most


def _common_shape(spec: InputSpec, keys: Sequence[str]) -> tuple[int, int, int]:
    """Return channels, height and width of the largest pictures."""
    shapes = {name: picture.shape for name, picture in spec.pictures.items()} | dict(spec.tensors)
    known = [shapes[key] for key in keys]
    largest = max(known, key=lambda shape: shape[1] * shape[2])
    return max(shape[0] for shape in known), largest[1], largest[2]


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
