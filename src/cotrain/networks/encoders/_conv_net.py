"""A small residual convolution network for images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, final

from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError
from cotrain.networks._base import Encoder
from cotrain.networks._checks import check_at_least, refuse_lengths, row_shape
from cotrain.networks.encoders._conv_blocks import conv_stages


@final
class ConvNet(Encoder):
    """Residual 3×3 convolutions that give a map; each stage but the first halves height and width.

    Source: He et al., "Deep Residual Learning for Image Recognition", 2015,
    https://arxiv.org/abs/1512.03385; with group instead of batch normalisation, so that a row's output
    does not depend on the other rows of its batch.

    Args:
        channels: width D of each stage, at least one, each ≥ 1.
        blocks: residual blocks a stage, ≥ 1.
        key: name of the input tensor [B, C, H, W].
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
        key: str = "image",
        n_channels: int | None = None,
    ) -> None:
        super().__init__()
        if not channels:
            raise InvalidArgumentError(f"ConvNet(channels={channels!r}): expected at least one width.")
        check_at_least(self, 1, blocks=blocks, **{f"channels[{i}]": c for i, c in enumerate(channels)})
        if n_channels is not None:
            check_at_least(self, 1, n_channels=n_channels)
        self.channels = tuple(channels)
        self.blocks = blocks
        self.key = key
        self.n_channels = n_channels
        self.width = self.channels[-1]

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every position of its map."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Make the convolutions for images of this many channels."""
        n_channels = row_shape(self, self.key, spec, 3)[0] if self.n_channels is None else self.n_channels
        first, *rest = conv_stages(n_channels, self.channels, self.blocks)
        self.stages = nn.ModuleList([nn.Sequential(Take(self.key), first), *rest])
        self.widths = self.channels
        return self


@final
class Take(nn.Module):
    """Take one tensor from the inputs, whose rows are of one size."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        refuse_lengths(inputs, self.key)
        return inputs[self.key]
