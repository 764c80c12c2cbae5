"""The tokenizer of a pre-trained model: subwords of texts and of words (extra `text`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from cotrain._base._errors import DataError, InvalidArgumentError, require_extra
from cotrain._base._inputs import SubwordSpec

#: The one file of a model's folder that says how texts become subwords.
TOKENIZER = "tokenizer.json"


def read_tokenizer(folder: str | Path) -> str:
    """Return what stands in a folder's tokenizer.json.

    Raises:
        InvalidArgumentError: there is no such folder or file.
    """
    path = Path(folder) / TOKENIZER
    if not path.parent.is_dir():
        raise InvalidArgumentError(
            f"There is no folder {folder}: give that of a pre-trained model, which is read from disk only."
        )
    if not path.is_file():
        raise InvalidArgumentError(
            f"{folder} has no {TOKENIZER}: make it once with transformers, "
            f"AutoTokenizer.from_pretrained({str(folder)!r}).save_pretrained({str(folder)!r})."
        )
    return path.read_text(encoding="utf-8")


@final
class SubwordTokenizer:
    """Texts and words -> numbers of subwords, without the tokens that mark the ends of a row.

    Args:
        text: what stands in a tokenizer.json; truncation and padding that it asks for are left out.

    Raises:
        DataError: it describes no tokenizer.
        MissingExtraError: tokenizers is not installed.

    Example:
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> made = Tokenizer(models.WordPiece({"[UNK]": 0, "un": 1, "##do": 2, "it": 3}, unk_token="[UNK]"))
        >>> made.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> tokenizer = SubwordTokenizer(made.to_str())
        >>> tokenizer.of_texts(["undo it", ""]), tokenizer.of_words(["undo", "xyz", ""])
        ([[1, 2, 3], []], [[1, 2], [0], []])
        >>> tokenizer.spec
        SubwordSpec(n_tokens=4, unknown=0, prefix=(), middle=(), suffix=(), second_type=1)
    """

    def __init__(self, text: str) -> None:
        tokenizers: Any = require_extra("tokenizers", "text", "A column of subwords")
        try:
            made = tokenizers.Tokenizer.from_str(text)
        except Exception as error:  # the library raises no narrower type
            raise DataError(f"A {TOKENIZER} describes no tokenizer ({error}).") from error
        made.no_truncation()
        made.no_padding()
        self._tokenizer: Any = made
        # Bytes are told apart by whether a blank stands before them, as one does before a word among others.
        self._blank = " " if _begins_without_blank(json.loads(text).get("pre_tokenizer")) else ""
        self.spec = _spec(made, json.loads(text).get("model") or {})

    def of_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the subwords of every text."""
        return [found.ids for found in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def of_words(self, words: Sequence[str]) -> list[list[int]]:
        """Return the subwords of every word as it stands among others; of some there may be none."""
        alone = [[self._blank + word if word.strip() else ""] for word in words]
        found = self._tokenizer.encode_batch(alone, is_pretokenized=True, add_special_tokens=False)
        return [one.ids for one in found]


def _begins_without_blank(part: Mapping[str, Any] | None) -> bool:
    """Whether a pre-tokeniser works on bytes and puts no blank in front of a text that has none."""
    if part is None:
        return False
    if part.get("type") == "Sequence":
        return any(_begins_without_blank(one) for one in part.get("pretokenizers", []))
    return part.get("type") == "ByteLevel" and not part.get("add_prefix_space", True)


def _spec(made: Any, model: Mapping[str, Any]) -> SubwordSpec:
    """Read off two texts which tokens stand before, between and behind them."""
    vocabulary = made.get_vocab(with_added_tokens=True)
    if not vocabulary:
        raise DataError(f"A {TOKENIZER} has no subwords: make it anew.")
    probes = (text for text in ("a", *vocabulary) if made.encode(text, add_special_tokens=False).ids)
    probe = next(probes, None)
    if probe is None:
        raise DataError(f"A {TOKENIZER} makes no subwords of any text: make it anew.")
    pair = made.encode(probe, probe)
    first, second = (
        [place for place, one in enumerate(pair.sequence_ids) if one == which] for which in (0, 1)
    )
    return SubwordSpec(
        n_tokens=max(vocabulary.values()) + 1,
        unknown=_unknown(made, model),
        prefix=tuple(pair.ids[: first[0]]),
        middle=tuple(pair.ids[first[-1] + 1 : second[0]]),
        suffix=tuple(pair.ids[second[-1] + 1 :]),
        second_type=pair.type_ids[second[0]],
    )


def _unknown(made: Any, model: Mapping[str, Any]) -> int:
    """Return the number of the subword for what is not known; 0 where there is none."""
    if isinstance(model.get("unk_id"), int):
        return model["unk_id"]
    names = (name for name in (model.get("unk_token"), "<unk>", "[UNK]") if name)
    return next((number for name in names if (number := made.token_to_id(name)) is not None), 0)
