"""A small residual convolution network for images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, final

from torch import nn

from cotrain._base import InputSpec, InvalidArgumentError, check_entries, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks.encoders._conv_blocks import conv_stages
from cotrain.networks.encoders._picture_input import first_stage, n_channels_of, picture_keys


@final
class ConvNet(Encoder):
    """Residual 3×3 convolutions that give a map; each stage but the first halves height and width.

    Tasks that ask of every pixel want a finer map: with strides of 1 in the later stages height and width
    stay, and the convolutions are dilated instead (Yu and Koltun, "Multi-Scale Context Aggregation by Dilated
    Convolutions", 2016, https://arxiv.org/abs/1511.07122). Every sharing architecture then mixes maps.

    Where the table has other columns too (numbers, categories, tags, text), they are embedded as in
    `TableEncoder`, and a linear map of their vector is added to every position of the first stage's map.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2015,
    https://arxiv.org/abs/1512.03385; with group instead of batch normalisation, so that a row's output
    does not depend on the other rows of its batch.

    Args:
        channels: width D of each stage, at least one, each ≥ 1.
        blocks: residual blocks a stage, ≥ 1.
        strides: of each stage, 1 or 2; `None`: 1, then 2.
        key: the column of pictures, or the name of an input tensor [B, C, H, W], or a list of them; `None`:
            all columns of pictures. Several are read one by one by the same network, at the size of the
            largest, and heads of the whole row get the features of all; heads on maps name their picture.
        own_stems: whether each of several pictures has a first stage of its own.
        n_channels: C; `None`: read from the description of the inputs.

    Raises:
        InvalidArgumentError: if a size is out of range, or the number of channels is not known.

    Example:
        >>> import torch
        >>> encoder = ConvNet(channels=(8, 16)).build(InputSpec(tensors={"image": (3, 12, 12)}))
        >>> encoder({"image": torch.zeros(5, 3, 12, 12)}).shape
        torch.Size([5, 16, 6, 6])
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128),
        *,
        blocks: int = 1,
        strides: Sequence[int] | None = None,
        key: str | Sequence[str] | None = None,
        own_stems: bool = False,
        n_channels: int | None = None,
    ) -> None:
        super().__init__()
        if not channels:
            raise InvalidArgumentError(f"ConvNet(channels={channels!r}): expected at least one width.")
        check_number(self, 1, blocks=blocks)
        check_entries(self, 1, channels=channels)
        if n_channels is not None:
            check_number(self, 1, n_channels=n_channels)
        self.channels = tuple(channels)
        self.blocks = blocks
        if strides is not None and (len(strides) != len(channels) or not set(strides) <= {1, 2}):
            raise InvalidArgumentError(
                f"ConvNet(strides={list(strides)!r}): expected 1 or 2 for each of the {len(channels)} stages."
            )
        self.strides = None if strides is None else tuple(strides)
        self.key = key if isinstance(key, str) or key is None else list(key)
        self.own_stems = own_stems
        self.n_channels = n_channels
        self.width = self.channels[-1]

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every position of its map."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Make the convolutions for images of this many channels."""
        refuse_unread(self, spec, "table", "pictures")
        keys = picture_keys(self, self.key, spec)
        n_channels = n_channels_of(self, keys, spec) if self.n_channels is None else self.n_channels
        first, *rest = conv_stages(n_channels, self.channels, self.blocks, self.strides)
        # The first stage alone, so that what follows it is the same with stems of their own.
        more = [
            conv_stages(n_channels, self.channels[:1], self.blocks, self.strides and self.strides[:1])[0]
            for _ in (keys[1:] if self.own_stems else ())
        ]
        self.stages = nn.ModuleList([first_stage(spec, keys, [first, *more], self.channels[0]), *rest])
        self.widths = self.channels
        return self
