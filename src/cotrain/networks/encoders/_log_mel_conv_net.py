"""A log-mel spectrogram and a small convolution network for sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError
from cotrain._base._mel import log_mels, mel_filters
from cotrain.networks._base import Encoder
from cotrain.networks._checks import check_at_least, refuse_lengths
from cotrain.networks.encoders._conv_blocks import conv_stages


@final
class LogMelConvNet(Encoder):
    """The logarithm of the energy in mel-spaced bands over time, read by residual convolutions.

    m = log(|STFT(x)|² Fᵀ + ε), normalised per row to mean 0 and deviation 1, then the stages of `ConvNet`.
    F: triangular filters, evenly spaced on the mel scale 2595 log₁₀(1 + f / 700).

    Source: Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
    Recognition", 1980, https://doi.org/10.1109/TASSP.1980.1163420

    Args:
        channels: width D of each stage of convolutions, at least one, each ≥ 1.
        blocks: residual blocks a stage, ≥ 1.
        key: name of the input tensor [B, T] or [B, 1, T], samples in about [-1, 1].
        sample_rate: samples a second, ≥ 1.
        window: samples in a frame, ≥ 2.
        hop: samples between frames, ≥ 1.
        n_mels: number of bands, ≥ 1.

    Raises:
        InvalidArgumentError: if a size is out of range, or there are more bands than the window resolves.

    Example:
        >>> encoder = LogMelConvNet(channels=(8, 16), sample_rate=8000).build(InputSpec())
        >>> encoder({"waveform": torch.zeros(2, 4000)}).shape
        torch.Size([2, 16, 20, 13])
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128),
        *,
        blocks: int = 1,
        key: str = "waveform",
        sample_rate: int = 16000,
        window: int = 400,
        hop: int = 160,
        n_mels: int = 40,
    ) -> None:
        super().__init__()
        if not channels:
            raise InvalidArgumentError(f"LogMelConvNet(channels={channels!r}): expected at least one width.")
        check_at_least(self, 1, blocks=blocks, sample_rate=sample_rate, hop=hop, n_mels=n_mels)
        check_at_least(self, 1, **{f"channels[{i}]": width for i, width in enumerate(channels)})
        check_at_least(self, 2, window=window)
        if n_mels > window // 2:
            raise InvalidArgumentError(
                f"LogMelConvNet(n_mels={n_mels}, window={window}): a window of {window} samples resolves "
                f"{window // 2} frequencies, so n_mels must be at most that."
            )
        self.channels = tuple(channels)
        self.blocks = blocks
        self.key = key
        self.sample_rate = sample_rate
        self.window = window
        self.hop = hop
        self.n_mels = n_mels
        self.width = self.channels[-1]

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every position of its map."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Make the convolutions; sounds may have any length."""
        front = _LogMel(self.key, self.sample_rate, self.window, self.hop, n_mels=self.n_mels)
        first, *rest = conv_stages(1, self.channels, self.blocks)
        self.stages = nn.ModuleList([nn.Sequential(front, first), *rest])
        self.widths = self.channels
        return self


class _LogMel(nn.Module):
    """Samples [B, T] -> log energies [B, 1, n_mels, frames]."""

    filters: Tensor
    taper: Tensor

    def __init__(self, key: str, sample_rate: int, window: int, hop: int, *, n_mels: int) -> None:
        super().__init__()
        self.key = key
        self.window = window
        self.hop = hop
        # Constants of the options: not persistent, so that a saved network holds learned numbers only.
        self.register_buffer("filters", mel_filters(sample_rate, window, n_mels), persistent=False)
        self.register_buffer("taper", torch.hann_window(window), persistent=False)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        refuse_lengths(inputs, self.key)
        samples = inputs[self.key].flatten(1)
        logs = log_mels(samples, self.filters, self.taper, self.hop)
        centred = logs - logs.mean(dim=(1, 2), keepdim=True)
        deviation = centred.square().mean(dim=(1, 2), keepdim=True).sqrt()
        return (centred / (deviation + 1e-3)).unsqueeze(1)
