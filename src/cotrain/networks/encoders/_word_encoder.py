"""An encoder for words in order, with the other columns of the table beside them."""

from __future__ import annotations

from typing import Literal, Self, final

from torch import nn

from cotrain._base import InputSpec, InvalidArgumentError, check_choice, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks._positions import Chain
from cotrain.networks.encoders._attention import AttentionBlock
from cotrain.networks.encoders._column_stems import ColumnStems
from cotrain.networks.encoders._sequence_blocks import LSTMBlock, SequenceConvBlock
from cotrain.networks.encoders._table_encoder import TableInputs
from cotrain.networks.encoders._word_stem import WordStem

Blocks = Literal["lstm", "transformer", "conv"]


@final
class WordEncoder(Encoder):
    """A vector for every word of a row, from the words around it and from the table's other columns.

    The first stage embeds: a word by its embedding and by a convolution over its characters, and the numbers,
    categories, tags and texts of the table as in `TableEncoder`, which are added to every word and stand
    before the first as a word of their own. Several columns of words stand one after the other. Each further
    stage is a block, so that tasks can read low and high ones (`Hierarchical`). Padding changes nothing, and
    a row may have no words at all.

    Source: Ma and Hovy, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF", 2016,
    https://aclanthology.org/P16-1101; word dropout is from Iyyer et al., "Deep Unordered Composition Rivals
    Syntactic Methods for Text Classification", 2015, https://aclanthology.org/P15-1162

    Args:
        width: D of every stage: even for "lstm", a multiple of `heads` for "transformer".
        depth: number of blocks, ≥ 1.
        blocks: "lstm" (both directions), "transformer" or "conv" (`kernel` words around each).
        word_embedding: width of a word's embedding, ≥ 1.
        character_embedding: width of a character's embedding, ≥ 1; there are twice as many filters.
        heads: attention heads, ≥ 1.
        kernel: words that a convolution sees, odd, ≥ 1.
        word_dropout: probability with which a word counts as unknown in training, in [0, 1): rare words are
            learned by heart first, and in use many are unknown.
        dropout: probability of dropping a unit, in [0, 1).
        embedding: width of a category's embedding, ≥ 1.
        bag_embedding: width of the embedding of a tag or of a word of a text column, ≥ 1.
        bag_dropout: probability of dropping a unit of a tags or text column's mean, in [0, 1).

    Raises:
        InvalidArgumentError: if an option is out of range, or the table has no column of words.

    Example:
        >>> import torch
        >>> spec = InputSpec(n_numbers=1, words={"words:title": 50}, characters={"characters:title": 30})
        >>> encoder = WordEncoder(width=16).build(spec)
        >>> inputs = {
        ...     "numbers": torch.zeros(2, 1),
        ...     "words:title": torch.tensor([[7, 8, 9], [7, 0, 0]]),
        ...     "words:title:lengths": torch.tensor([3, 1]),
        ...     "characters:title": torch.ones(2, 3, 16, dtype=torch.long),
        ... }
        >>> encoder(inputs).shape, len(encoder.stages)
        (torch.Size([2, 4, 16]), 2)
    """

    def __init__(
        self,
        width: int = 128,
        depth: int = 1,
        *,
        blocks: Blocks = "lstm",
        word_embedding: int = 100,
        character_embedding: int = 32,
        heads: int = 4,
        kernel: int = 5,
        word_dropout: float = 0.3,
        dropout: float = 0.3,
        embedding: int = 8,
        bag_embedding: int = 32,
        bag_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        check_number(self, 1, width=width, depth=depth, heads=heads, kernel=kernel)
        check_number(self, 1, word_embedding=word_embedding, character_embedding=character_embedding)
        check_number(self, 1, embedding=embedding, bag_embedding=bag_embedding)
        check_number(self, 0, 1, open_high=True, dropout=dropout, word_dropout=word_dropout)
        check_number(self, 0, 1, open_high=True, bag_dropout=bag_dropout)
        check_choice(self, ("lstm", "transformer", "conv"), blocks=blocks)
        unit = {"lstm": 2, "transformer": heads, "conv": 1}[blocks]
        if width % unit:
            raise InvalidArgumentError(
                f"WordEncoder(width={width}, blocks={blocks!r}): expected a width that is a multiple of "
                f"{unit}."
            )
        if kernel % 2 == 0:
            raise InvalidArgumentError(f"WordEncoder(kernel={kernel}): expected an odd number of words.")
        self.width = width
        self.depth = depth
        self.blocks: Blocks = blocks
        self.word_embedding = word_embedding
        self.character_embedding = character_embedding
        self.heads = heads
        self.kernel = kernel
        self.word_dropout = word_dropout
        self.dropout = dropout
        self.embedding = embedding
        self.bag_embedding = bag_embedding
        self.bag_dropout = bag_dropout

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every word."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Make the stems and the blocks for a table of these columns."""
        if not spec.words:
            raise InvalidArgumentError(
                "WordEncoder reads a column of words, and the table has none: take TableEncoder, or "
                "give a column that kind, such as columns: {text: words}."
            )
        refuse_unread(self, spec, "words", "table")
        has_table = spec.n_numbers or spec.cardinalities or spec.bags
        table = TableInputs(spec, self.embedding, self.bag_embedding, self.bag_dropout) if has_table else None
        words = WordStem.of_columns(
            spec,
            width=self.width,
            word_embedding=self.word_embedding,
            character_embedding=self.character_embedding,
            word_dropout=self.word_dropout,
        )
        places = self.blocks == "transformer"
        stems = ColumnStems(words, width=self.width, table=table, dropout=self.dropout, places=places)
        blocks = [self._block() for _ in range(self.depth)]
        if self.blocks != "lstm":
            blocks[-1] = Chain(blocks[-1], nn.LayerNorm(self.width))
        self.stages = nn.ModuleList([stems, *blocks])
        self.widths = (self.width,) * (self.depth + 1)
        return self

    def _block(self) -> nn.Module:
        if self.blocks == "lstm":
            return LSTMBlock(self.width, self.width, self.dropout)
        if self.blocks == "transformer":
            return AttentionBlock(self.width, self.heads, self.dropout)
        return SequenceConvBlock(self.width, self.kernel, self.dropout)
