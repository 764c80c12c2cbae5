"""A transformer that was trained before, read from a folder (extra `text`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError, SubwordSpec, check_number, require_extra
from cotrain._base._inputs import PIECES
from cotrain._base._subwords import SubwordTokenizer, read_tokenizer
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks._positions import MaskedStage
from cotrain.networks.encoders._low_rank_linear import ADAPTERS, adapt
from cotrain.networks.encoders._pretrained_folder import (
    LAYERS,
    PLACES_BEHIND_PADDING,
    fingerprint_of,
    read_model_config,
    read_model_weights,
    require_layers,
    weight_files,
)
from cotrain.networks.encoders._subword_stem import SubwordStem
from cotrain.networks.encoders._table_encoder import TableInputs

#: Peak learning rates: of weights that of Devlin et al. (2 to 5e-5), of adapters as Hu et al. (4 to 5e-4).
ALL_RATE, ADAPTER_RATE = 5e-5, 5e-4
#: Linear layers of the attention that adapters stand beside, by their last names.
_ADAPTED = ("query", "value", "q_lin", "v_lin")
#: What a config.json says of other uses than reading a row at once, from both sides.
_NOT_OF_THE_MODEL = frozenset(
    {
        "add_cross_attention",
        "chunk_size_feed_forward",
        "classifier_dropout",
        "dtype",
        "is_decoder",
        "is_encoder_decoder",
        "output_attentions",
        "output_hidden_states",
        "problem_type",
        "return_dict",
        "tie_word_embeddings",
        "torch_dtype",
        "transformers_version",
        "use_cache",
    }
)
_NO_TEXT = (
    "PretrainedTransformer reads columns of text or of words, and the table has none: give a column that "
    "kind, such as columns: {sentence: text} or {tokens: words}."
)
#: Options of a column of text or words that mean the same with the tokenizer of a model.
_KEPT = ("split", "max_tokens")


@final
class PretrainedTransformer(Encoder):
    """A transformer of the BERT family from a folder, for columns of text and of words.

    The folder is what transformers' `save_pretrained` writes for a model and its tokenizer: config.json,
    model.safetensors, tokenizer.json. It is only read, nothing is downloaded or unpickled, and no code of it
    runs. Its tokenizer cuts columns of text and of words into subwords; a word's vector is that of its first
    subword. Several columns are read as one sequence, as the model's pairs of sentences are, and share its
    positions by what training needs. The other columns of a table stand behind them as a token of their own.
    The first stage embeds, each further one is a layer. The weights that begin there learn at a rate of their
    own, lower than that of what is new.

    A run holds all that it needs to predict: configuration, tokenizer and every weight, frozen ones too. The
    folder is read where a fit begins, not where a run is loaded.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding",
    2019, https://aclanthology.org/N19-1423; the adapters are those of Hu et al., "LoRA: Low-Rank Adaptation
    of Large Language Models", 2021, https://arxiv.org/abs/2106.09685, beside queries and values.

    Args:
        folder: of the model, of the types bert, camembert, distilbert, electra, roberta or xlm-roberta; in a
            configuration file relative to the file, else to the working directory.
        trainable: what of the model learns: "all", fine-tuning; "last_N", its last N layers; "adapters",
            matrices of low rank beside the queries and values of every layer; "none", the heads alone. What
            does not learn drops no units either, except beside adapters.
        learning_rate: peak rate of the weights from the folder and of adapters, > 0; the rest learns at
            that of `Training`. `None`: 5e-5, and 5e-4 for adapters.
        rank: of the adapters, ≥ 1.
        scale: α of the adapters, whose product counts α / rank times, > 0.
        config: what stands in config.json; read from the folder if `None`, kept with a run.
        fingerprint: hash of the folder's weights; read from the folder if `None`, kept with a run.

    Raises:
        InvalidArgumentError: an option is out of range; the folder is not there or not that of such a model,
            has no tokenizer.json or pickled weights only; the table has no column of text or words.
        MissingExtraError: transformers is not installed.

    Example:
        >>> import tempfile
        >>> from transformers import BertConfig, BertModel, BertTokenizerFast
        >>> words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "film", "##s"]
        >>> folder = tempfile.mkdtemp()
        >>> sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
        >>> BertModel(BertConfig(vocab_size=8, intermediate_size=16, **sizes)).save_pretrained(folder)
        >>> _ = BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
        >>> encoder = PretrainedTransformer(folder, trainable="last_1")
        >>> encoder.coding({"title": {"kind": "text"}})["title"]["room"]
        510
    """

    def __init__(
        self,
        folder: str,
        trainable: str = "all",
        *,
        learning_rate: float | None = None,
        rank: int = 8,
        scale: float = 16.0,
        config: Mapping[str, Any] | None = None,
        fingerprint: str | None = None,
    ) -> None:
        super().__init__()
        check_number(self, 1, rank=rank)
        check_number(self, 0, math.inf, open_low=True, open_high=True, scale=scale)
        if learning_rate is not None:
            check_number(self, 0, math.inf, open_low=True, open_high=True, learning_rate=learning_rate)
        if not re.fullmatch(r"all|adapters|none|last_[1-9]\d{0,3}", str(trainable)):
            raise InvalidArgumentError(
                f"PretrainedTransformer(trainable={trainable!r}): expected all, adapters, none, or last_N "
                "with the number of layers that learn, such as last_2."
            )
        _transformers()
        self.folder = str(folder)
        self.trainable = trainable
        self.learning_rate = learning_rate
        self.rank = rank
        self.scale = scale
        found = read_model_config(self.folder) if config is None else dict(config)
        kind = require_layers(found)
        if config is None:
            read_tokenizer(self.folder)
        self.config: dict[str, Any] = _plain_config(found, kind)
        self.fingerprint = fingerprint_of(self.folder) if fingerprint is None else fingerprint

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every subword, the words' first ones before the others."""
        return True

    def coding(self, columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
        """Let the model's tokenizer code the columns of text and of words."""
        texts = [name for name, choice in columns.items() if choice["kind"] in ("text", "words", "subwords")]
        if not texts:
            raise InvalidArgumentError(_NO_TEXT)
        tokenizer = SubwordTokenizer(read_tokenizer(self.folder)).spec
        marks = len(tokenizer.prefix) + len(tokenizer.suffix) + len(tokenizer.middle) * (len(texts) - 1)
        room = self._places() - marks
        if room < len(texts):
            raise InvalidArgumentError(
                f"PretrainedTransformer reads {self._places()} subwords of a row, too few for {len(texts)} "
                "columns of text: drop some under columns:."
            )
        return {name: self._coded(name, columns[name], room) for name in texts}

    def _coded(self, name: str, choice: Mapping[str, Any], room: int) -> dict[str, Any]:
        usual = {"folder": self.folder, "room": room}
        if choice["kind"] == "subwords":
            return {**usual, **choice}
        for option in choice:
            if option != "kind" and option not in _KEPT:
                raise InvalidArgumentError(
                    f"Column {name!r}: {option} means nothing to PretrainedTransformer, whose tokenizer cuts "
                    f"the column into subwords: leave it out; max_tokens limits what is read ({room})."
                )
        kept = {option: choice[option] for option in _KEPT if option in choice}
        return {**usual, **kept, "kind": "subwords", "units": choice["kind"]}

    def _places(self) -> int:
        """Return how many subwords of a row the model reads."""
        return self.config["max_position_embeddings"] - self._first_place

    @property
    def _first_place(self) -> int:
        """The number of the first place."""
        behind = self.config["model_type"] in PLACES_BEHIND_PADDING
        return 1 + (self.config.get("pad_token_id") or 0) if behind else 0

    def build(self, spec: InputSpec) -> Self:
        """Make embeddings and layers of the model's sizes, with initial weights of their own."""
        if not spec.subwords:
            raise InvalidArgumentError(_NO_TEXT)
        refuse_unread(self, spec, "subwords", "table")
        tokenizer = self._one_tokenizer(spec)
        model = self._bare_model()
        layers = list(model.get_submodule(LAYERS[self.config["model_type"]]).children())
        last = int(self.trainable.removeprefix("last_")) if self.trainable.startswith("last_") else 0
        if last > len(layers):
            raise InvalidArgumentError(
                f"PretrainedTransformer(trainable={self.trainable!r}): the model has {len(layers)} layers."
            )
        has_table = spec.n_numbers or spec.cardinalities or spec.bags
        stem = SubwordStem(
            model.embeddings,
            getattr(model, "embeddings_project", None),
            columns=[key.removeprefix(PIECES) for key in spec.subwords],
            of_words=[key.partition(":")[2] for key in spec.of_words],
            tokenizer=tokenizer,
            first_place=self._first_place,
            n_types=self.config.get("type_vocab_size") or 1,
            width=model.config.hidden_size,
            table=TableInputs(spec, 8, 32, 0.5) if has_table else None,
        )
        parts: list[Any] = [stem.part, *layers]
        for number, part in enumerate(parts):
            part.own_learning_rate = self._rate
            if self.trainable == "adapters":
                part.requires_grad_(requires_grad=False)
                # The embeddings have no layer of such a name.
                adapt(part, _ADAPTED, self.rank, self.scale)
            elif self.trainable != "all" and number < len(parts) - last:
                _freeze(part)
        stages = [_Layer(layer, model.config.hidden_size) for layer in layers]
        self.stages = nn.ModuleList([stem, *stages])
        self.width = model.config.hidden_size
        self.widths = (self.width,) * len(parts)
        return self

    def start(self) -> None:
        """Take over the weights of the folder."""
        if not Path(self.folder).is_dir() or not weight_files(self.folder):
            raise InvalidArgumentError(
                f"PretrainedTransformer(folder={self.folder!r}): the weights to start from are not there: "
                "give the folder of the model, as it was."
            )
        if fingerprint_of(self.folder) != self.fingerprint:
            raise InvalidArgumentError(
                f"PretrainedTransformer(folder={self.folder!r}): its weights are others than those that were "
                "there before: restore them, or take another folder."
            )
        layers = LAYERS[self.config["model_type"]]
        own: dict[str, Tensor] = {}
        for number, stage in enumerate(self.stages):
            part: Any = stage
            named = part.part if number == 0 else part.layer
            before = f"{layers}.{number - 1}." if number else ""
            own |= {before + name: weight for name, weight in named.named_parameters()}
        wanted = {name: weight for name, weight in own.items() if not name.endswith(ADAPTERS)}
        found = read_model_weights(self.folder, {name: tuple(w.shape) for name, w in wanted.items()})
        with torch.no_grad():
            for name, weight in wanted.items():
                weight.copy_(found[name])

    @property
    def _rate(self) -> float:
        if self.learning_rate is not None:
            return float(self.learning_rate)
        return ADAPTER_RATE if self.trainable == "adapters" else ALL_RATE

    def _bare_model(self) -> Any:
        """Return the model without heads."""
        transformers = _transformers()
        try:
            config = transformers.AutoConfig.for_model(**self.config)
            return transformers.AutoModel.from_config(config, attn_implementation="sdpa")
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            said = " ".join(str(error).split())
            raise InvalidArgumentError(
                f"PretrainedTransformer(folder={self.folder!r}): config.json describes no model ({said})."
            ) from error

    def _one_tokenizer(self, spec: InputSpec) -> SubwordSpec:
        """Return the tokenizer of all columns, whose subwords the model must know."""
        tokenizers = list(spec.subwords.values())
        if any(tokenizer != tokenizers[0] for tokenizer in tokenizers):
            raise InvalidArgumentError(
                "PretrainedTransformer reads columns of one tokenizer, and these have several: leave the "
                "kinds of the columns to it."
            )
        if tokenizers[0].n_tokens > self.config["vocab_size"]:
            raise InvalidArgumentError(
                f"PretrainedTransformer(folder={self.folder!r}): the tokenizer has "
                f"{tokenizers[0].n_tokens:,} subwords and the model knows {self.config['vocab_size']:,}: "
                "take the tokenizer that the model was trained with."
            )
        return tokenizers[0]


@final
class _Layer(MaskedStage):
    """A layer of the model; padding is not attended to."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer = layer
        # A subword is two values, number and place, and 4 D in the layer; usual is ten times a value.
        self.maps_of_a_value = max(1, 4 * width // 20)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        bias = None
        if mask is not None:
            # Half the lowest number instead of -inf: a row of nothing but padding must not become NaN.
            lowest = torch.finfo(hidden.dtype).min / 2
            bias = hidden.new_zeros(mask.shape).masked_fill(~mask, lowest)[:, None, None]
        found: Any = self.layer(hidden, attention_mask=bias)
        return found[0] if isinstance(found, tuple) else found


def _freeze(part: nn.Module) -> None:
    """Let a part of the model neither learn nor drop anything."""
    part.requires_grad_(requires_grad=False)
    for module in part.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0


def _plain_config(found: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return what of a config.json says how the bare model is built; nothing of it can name code."""
    usual = _transformers().AutoConfig.for_model(kind).to_dict()
    ours = [name for name in usual if name not in _NOT_OF_THE_MODEL and not name.startswith("_")]
    kept = {name: found.get(name, usual[name]) for name in ours}
    plain = {name: value for name, value in kept.items() if isinstance(value, str | int | float | None)}
    return {**plain, "model_type": kind}


def _transformers() -> Any:
    return require_extra("transformers", "text", "PretrainedTransformer")
