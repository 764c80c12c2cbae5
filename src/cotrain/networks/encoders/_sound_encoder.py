"""An encoder for sounds, with words and the other columns of the table beside them."""

from __future__ import annotations

from typing import Literal, Self, final

from torch import nn

from cotrain._base import InputSpec, InvalidArgumentError, check_choice, check_number, did_you_mean
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks._positions import Chain
from cotrain.networks.encoders._attention import AttentionBlock
from cotrain.networks.encoders._column_stems import ColumnStems, Stem
from cotrain.networks.encoders._sequence_blocks import LSTMBlock, SequenceConvBlock
from cotrain.networks.encoders._sound_stem import SoundStem
from cotrain.networks.encoders._table_encoder import TableInputs
from cotrain.networks.encoders._word_stem import WordStem

SoundBlocks = Literal["conv", "lstm", "transformer", "conformer"]
#: How far apart the positions that a block's convolution sees are: 1, 2, 4, 8, 16, and from the start again.
_DILATIONS = 5


@final
class SoundEncoder(Encoder):
    """A vector for every 20 ms of a sound, from what is heard around it and from the table's other columns.

    The first stage makes log-mel energies of the samples, and a convolution takes every second of their
    frames; words and the other columns have stems of their own, as in `WordEncoder`, and all enter one
    sequence. Each further stage is a block. Padding changes nothing.

    Source: dilated residual convolutions are from Yu and Koltun, "Multi-Scale Context Aggregation by Dilated
    Convolutions", 2016, https://arxiv.org/abs/1511.07122; attention followed by a convolution from Gulati et
    al., "Conformer", 2020, https://arxiv.org/abs/2005.08100; a stem for each kind of input before one trunk
    from Ao et al., "SpeechT5", 2022, https://arxiv.org/abs/2110.07205.

    Args:
        width: D of every stage: even for "lstm", a multiple of `heads` where there is attention.
        depth: number of blocks, ≥ 1.
        blocks: "conv" (`kernel` positions, 1, 2, 4, 8, 16 apart from block to block), "lstm" (both
            directions), "transformer", or "conformer" (attention, then a convolution). The learning rate that
            sounds have by default was measured with "conv"; of the others try smaller ones too.
        kernel: positions that a convolution sees, odd, ≥ 1.
        heads: attention heads, ≥ 1.
        dropout: probability of dropping a unit, in [0, 1).
        n_mels: number of bands, ≥ 1.
        window: length of a frame in seconds, > 0.
        hop: from frame to frame in seconds, > 0.
        stride: frames a position, ≥ 1. CTC needs a position for each symbol: of fast speech and of characters
            2 is the most.
        masks: how many runs of bands, and how many of frames, are hidden in training, ≥ 0 ("SpecAugment").
            0 where steps are few: on 2,400 strings of spoken digits hidden parts cost more than they gave.
        key: name of a Dataset's input of samples, [B, n] or [B, 1, n]; not for tables, whose columns of
            sounds are all read.
        rate: samples a second of that input, ≥ 1.
        word_embedding: see `WordEncoder`.
        character_embedding: see `WordEncoder`.
        word_dropout: see `WordEncoder`.
        embedding: see `WordEncoder`.
        bag_embedding: see `WordEncoder`.
        bag_dropout: see `WordEncoder`.

    Raises:
        InvalidArgumentError: if an option is out of range, or there is no sound.

    Example:
        >>> import torch
        >>> encoder = SoundEncoder(width=16, depth=2).build(InputSpec(sounds={"sound:said": 8000}))
        >>> inputs = {"sound:said": torch.zeros(2, 4000), "sound:said:lengths": torch.tensor([4000, 900])}
        >>> encoder(inputs).shape, encoder.mask(inputs).sum(dim=1).tolist()
        (torch.Size([2, 25, 16]), [25, 6])
    """

    def __init__(
        self,
        width: int = 64,
        depth: int = 5,
        *,
        blocks: SoundBlocks = "conv",
        kernel: int = 5,
        heads: int = 4,
        dropout: float = 0.1,
        n_mels: int = 40,
        window: float = 0.025,
        hop: float = 0.01,
        stride: int = 2,
        masks: int = 0,
        key: str | None = None,
        rate: int = 16_000,
        word_embedding: int = 100,
        character_embedding: int = 32,
        word_dropout: float = 0.3,
        embedding: int = 8,
        bag_embedding: int = 32,
        bag_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_number(self, 1, width=width, depth=depth, kernel=kernel, heads=heads, n_mels=n_mels)
        check_number(self, 1, stride=stride, rate=rate)
        check_number(self, 0, masks=masks)
        check_number(self, 1, word_embedding=word_embedding, character_embedding=character_embedding)
        check_number(self, 1, embedding=embedding, bag_embedding=bag_embedding)
        check_number(self, 0, 1, open_high=True, dropout=dropout, word_dropout=word_dropout)
        check_number(self, 0, 1, open_high=True, bag_dropout=bag_dropout)
        check_choice(self, ("conv", "lstm", "transformer", "conformer"), blocks=blocks)
        unit = {"lstm": 2, "conv": 1}.get(blocks, heads)
        if width % unit:
            raise InvalidArgumentError(
                f"SoundEncoder(width={width}, blocks={blocks!r}): expected a width that is a multiple of "
                f"{unit}."
            )
        if kernel % 2 == 0:
            raise InvalidArgumentError(f"SoundEncoder(kernel={kernel}): expected an odd number of positions.")
        if not 0 < hop <= window <= 1:
            raise InvalidArgumentError(
                f"SoundEncoder(window={window!r}, hop={hop!r}): expected seconds, 0 < hop ≤ window ≤ 1."
            )
        self.width = width
        self.depth = depth
        self.blocks: SoundBlocks = blocks
        self.kernel = kernel
        self.heads = heads
        self.dropout = dropout
        self.n_mels = n_mels
        self.window = window
        self.hop = hop
        self.stride = stride
        self.masks = masks
        self.key = key
        self.rate = rate
        self.word_embedding = word_embedding
        self.character_embedding = character_embedding
        self.word_dropout = word_dropout
        self.embedding = embedding
        self.bag_embedding = bag_embedding
        self.bag_dropout = bag_dropout

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every 20 ms."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Make the stems and the blocks for inputs of these sizes."""
        refuse_unread(self, spec, "sounds", "words", "table")
        stems: list[Stem] = [self._sound_stem(key, rate) for key, rate in self._rates(spec).items()]
        stems += WordStem.of_columns(
            spec,
            width=self.width,
            word_embedding=self.word_embedding,
            character_embedding=self.character_embedding,
            word_dropout=self.word_dropout,
        )
        has_table = spec.n_numbers or spec.cardinalities or spec.bags
        table = TableInputs(spec, self.embedding, self.bag_embedding, self.bag_dropout) if has_table else None
        attends = self.blocks in ("transformer", "conformer")
        first = ColumnStems(stems, width=self.width, table=table, dropout=self.dropout, places=attends)
        blocks = [self._block(number) for number in range(self.depth)]
        if self.blocks != "lstm":
            blocks[-1] = Chain(blocks[-1], nn.LayerNorm(self.width))
        self.stages = nn.ModuleList([first, *blocks])
        self.widths = (self.width,) * (self.depth + 1)
        return self

    def _rates(self, spec: InputSpec) -> dict[str, int]:
        """Return the samples a second of every input of sounds."""
        if self.key is None:
            if not spec.sounds:
                raise InvalidArgumentError(
                    "SoundEncoder reads a column of sounds, and the table has none: give a column that kind, "
                    "such as columns: {file: sound}, or name an input of samples by key=."
                )
            return dict(spec.sounds)
        known = {**spec.tensors, **spec.ragged}
        if self.key not in known:
            raise InvalidArgumentError(
                f"SoundEncoder(key={self.key!r}): the inputs describe no such tensor: "
                f"{did_you_mean(self.key, known)}"
            )
        return {self.key: self.rate}

    def _sound_stem(self, key: str, rate: int) -> SoundStem:
        window, hop = round(self.window * rate), max(1, round(self.hop * rate))
        if self.n_mels > window // 2:
            raise InvalidArgumentError(
                f"SoundEncoder(n_mels={self.n_mels}, window={self.window}): {window} samples, at {rate} a "
                f"second, resolve {window // 2} frequencies, so n_mels must be at most that."
            )
        return SoundStem(
            key,
            rate=rate,
            width=self.width,
            window=window,
            hop=hop,
            n_mels=self.n_mels,
            stride=self.stride,
            masks=self.masks,
        )

    def _block(self, number: int) -> nn.Module:
        if self.blocks == "lstm":
            return LSTMBlock(self.width, self.width, self.dropout)
        if self.blocks == "conv":
            dilation = 2 ** (number % _DILATIONS)
            return SequenceConvBlock(self.width, self.kernel, self.dropout, dilation)
        attention = AttentionBlock(self.width, self.heads, self.dropout)
        if self.blocks == "transformer":
            return attention
        return Chain(attention, SequenceConvBlock(self.width, self.kernel, self.dropout))
