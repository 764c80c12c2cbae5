"""What an encoder is told about its inputs before it makes its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The tensor of the categories of all columns.
CATEGORIES = "categories"
#: What the key of one column's tensor begins with; the column's name follows.
BAG = "bag:"
WORDS, CHARACTERS = "words:", "characters:"
PIECES, FIRSTS = "pieces:", "firsts:"
PICTURE = "picture:"
SOUND = "sound:"
#: What the names of inputs begin with that one task alone reads, some of them made of its labels.
OWN = "given:"


@dataclass(frozen=True)
class PictureSpec:
    """What an encoder is told about pictures.

    Args:
        shape: channels, height and width.
        mean: of each channel over the training pictures.
        deviation: standard deviation of each channel, > 0.
    """

    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class SubwordSpec:
    """What an encoder is told about the tokenizer of a pre-trained model.

    Args:
        n_tokens: number of subwords, those with a meaning of their own included.
        unknown: number of the subword for what is not known.
        prefix: numbers of the subwords before the first text.
        middle: those between two texts.
        suffix: those behind the last one.
        second_type: the type of a text that is not the first, and of what stands behind it.
    """

    n_tokens: int
    unknown: int = 0
    prefix: tuple[int, ...] = ()
    middle: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    second_type: int = 0


@dataclass(frozen=True)
class InputSpec:
    """Sizes of the input tensors.

    The inputs of a batch are a dict of tensors whose first axis is B:

    - `"numbers"`: float32 [B, n_numbers], standardised, imputed; missing-value indicators come last;
    - `"categories"`: int64 [B, C], already shifted into one packed table of `sum(cardinalities)` rows;
    - `"bag:NAME"`, one per tags or text column: int64 [B, M] token numbers in [0, bags[NAME]), 0 = padding;
    - `"words:NAME"`, one per words column: int64 [B, S] numbers of words in order, 0 = padding, 1 = unknown;
      `"characters:NAME"`: int32 [B, S, L], those of each word's characters, 0 = padding, 1 = unknown;
    - `"pieces:NAME"`, one per subwords column: int32 [B, S, 2], number and place of each subword of a row;
      where the column is of words those that begin one are `"firsts:NAME"`, [B, W, 2], and not among them;
    - `"picture:NAME"`, one per picture column: uint8 or uint16 [B, C, H, W];
    - `"sound:NAME"`, one per sound column: float32 [B, S], samples.

    Rows of different length come padded, and their lengths, int64 [B], stand beside them under the name with
    ":lengths" behind it. A key is absent where the table has no such columns. Datasets of the user's own
    bring other keys, for example `"image"`, `"tokens"` or `"waveform"`: `tensors` gives the shapes of their
    rows, `ragged` those of an entry.

    Args:
        n_numbers: width of `"numbers"`.
        cardinalities: number of codes per categorical column, unknown and missing included.
        bags: number of tokens per bag column, padding included.
        tensors: shape of one row of every other tensor, for example {"image": (3, 32, 32)}.
        vocabularies: number of codes of those tensors that hold codes, padding (0) included.
        words: number of words per words column, padding included, for example {"words:said": 5_000}.
        characters: number of characters per words column, padding included.
        subwords: the tokenizer of each subwords column.
        of_words: the subwords columns that are of words.
        pictures: what is known of each picture column, for example
            {"picture:photo": PictureSpec((3, 64, 64), (120.0, 110.0, 99.0), (60.0, 58.0, 61.0))}.
        sounds: samples a second of each sound column, for example {"sound:said": 16_000}.
        ragged: shape of one entry of every other input whose rows differ in length, for example
            {"frames": (40,)}, or {"tokens": ()} for [B, S].
        n_indicators: how many of the numbers say whether a value is missing.
        edges: per number that is no indicator the quantiles of the training rows, rising; none where they are
            not known.
    """

    n_numbers: int = 0
    cardinalities: tuple[int, ...] = ()
    bags: Mapping[str, int] = field(default_factory=dict)
    tensors: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    vocabularies: Mapping[str, int] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)
    characters: Mapping[str, int] = field(default_factory=dict)
    subwords: Mapping[str, SubwordSpec] = field(default_factory=dict)
    of_words: tuple[str, ...] = ()
    pictures: Mapping[str, PictureSpec] = field(default_factory=dict)
    sounds: Mapping[str, int] = field(default_factory=dict)
    ragged: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    n_indicators: int = 0
    edges: tuple[tuple[float, ...], ...] = ()
