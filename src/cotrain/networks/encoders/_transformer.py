"""A Transformer encoder for sequences of tokens."""

from __future__ import annotations

from typing import Any, Self, final

from torch import Tensor, nn

from cotrain._base import DataError, InputSpec, InvalidArgumentError, check_number, did_you_mean
from cotrain.networks._base import Encoder
from cotrain.networks._positions import Chain, MaskedStage, mask_of_input
from cotrain.networks.encoders._attention import AttentionBlock


@final
class Transformer(Encoder):
    """Token and position embeddings, then blocks of self-attention with the norm before each part.

    The first stage embeds, each further stage is a block, and a norm ends the last. Padding is not attended
    to: what stands after a row's length ("tokens:lengths"), or without lengths every token 0.

    Source: Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762; the norm
    before each part is from Xiong et al., 2020, https://arxiv.org/abs/2002.04745; the positions are learned.

    Args:
        width: D of every stage, a multiple of `heads`.
        depth: number of blocks, ≥ 1.
        heads: attention heads, ≥ 1.
        key: name of the input tensor, int64 [B, S]; the column of words "tokens" is "words:tokens".
        n_tokens: size of the vocabulary, padding included; `None`: read from the description of the inputs.
        max_length: longest S, ≥ 1.
        dropout: probability of dropping a unit, in [0, 1).

    Raises:
        InvalidArgumentError: if an option is out of range, or the size of the vocabulary is not known.
        DataError: in `forward`, if a sequence is longer than `max_length`.

    Example:
        >>> import torch
        >>> encoder = Transformer(width=16, depth=1, heads=2, n_tokens=100).build(InputSpec())
        >>> encoder({"tokens": torch.tensor([[5, 7, 0], [3, 2, 9]])}).shape
        torch.Size([2, 3, 16])
    """

    def __init__(
        self,
        width: int = 128,
        depth: int = 2,
        heads: int = 4,
        *,
        key: str = "tokens",
        n_tokens: int | None = None,
        max_length: int = 512,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        check_number(self, 1, width=width, depth=depth, heads=heads, max_length=max_length)
        check_number(self, 0, 1, open_high=True, dropout=dropout)
        if n_tokens is not None:
            check_number(self, 2, n_tokens=n_tokens)
        if width % heads:
            raise InvalidArgumentError(
                f"Transformer(width={width}, heads={heads}): expected a width that is a multiple of heads."
            )
        self.width = width
        self.depth = depth
        self.heads = heads
        self.key = key
        self.n_tokens = n_tokens
        self.max_length = max_length
        self.dropout = dropout

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every token."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Make the embeddings and blocks for this vocabulary."""
        n_tokens = self.n_tokens
        if n_tokens is None:
            known = {**spec.vocabularies, **spec.words}
            if self.key not in known:
                raise InvalidArgumentError(
                    f"Transformer(key={self.key!r}): the inputs describe no vocabulary of that name: "
                    f"{did_you_mean(self.key, known)}"
                )
            n_tokens = known[self.key]
        embedding = _Embedding(self.key, n_tokens, self.width, self.max_length, dropout=self.dropout)
        blocks: list[nn.Module] = [
            AttentionBlock(self.width, self.heads, self.dropout) for _ in range(self.depth)
        ]
        blocks[-1] = Chain(blocks[-1], nn.LayerNorm(self.width))
        self.stages = nn.ModuleList([embedding, *blocks])
        self.widths = (self.width,) * (self.depth + 1)
        return self


class _Embedding(MaskedStage):
    """Token plus position embeddings."""

    def __init__(self, key: str, n_tokens: int, width: int, max_length: int, *, dropout: float) -> None:
        super().__init__()
        self.key = key
        self.tokens = nn.Embedding(n_tokens, width, padding_idx=0)
        self.positions = nn.Embedding(max_length, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        tokens = hidden[self.key]
        length, longest = tokens.shape[1], self.positions.num_embeddings
        if length > longest:
            raise DataError(
                f"The input {self.key!r} has sequences of {length} tokens, but Transformer(max_length="
                f"{longest}): cut the sequences or raise max_length."
            )
        return self.dropout(self.tokens(tokens) + self.positions.weight[:length])

    def mask_after(self, before: Any) -> Tensor | None:
        return mask_of_input(before, self.key)
