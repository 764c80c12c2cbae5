"""Tiny pre-trained models, made on the spot and saved as real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SENTENCES = ["the unhappy film was undoing the plot", "dogs bark at the cats, often", "张三 去 北京 了 film"]


def trained_tokenizer(kind: str) -> Any:
    """A tokenizer as models of this type have it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    if kind in ("roberta", "xlm-roberta", "camembert"):
        marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
        made = Tokenizer(models.BPE(unk_token="<unk>"))
        if kind == "roberta":
            made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        else:
            made.pre_tokenizer = pre_tokenizers.Metaspace()
        alphabet = pre_tokenizers.ByteLevel.alphabet() if kind == "roberta" else []
        trainer = trainers.BpeTrainer(
            vocab_size=len(alphabet) + 60,
            special_tokens=marks,
            initial_alphabet=alphabet,
            show_progress=False,
        )
        single, pair, ends = "<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)]
    else:
        marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer()
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=55, special_tokens=marks, show_progress=False)
        single, pair, ends = "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    made.train_from_iterator(SENTENCES, trainer)
    made.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=ends)
    return made


def tiny_config(kind: str, n_tokens: int, layers: int = 2, places: int = 40) -> Any:
    """A configuration of a model of this type that takes no time."""
    import transformers

    if kind == "distilbert":
        return transformers.DistilBertConfig(
            vocab_size=n_tokens,
            dim=16,
            n_layers=layers,
            n_heads=2,
            hidden_dim=24,
            max_position_embeddings=places,
        )
    marks = {"pad_token_id": 1, "type_vocab_size": 1} if "roberta" in kind or kind == "camembert" else {}
    small = {"embedding_size": 8} if kind == "electra" else {}
    return transformers.AutoConfig.for_model(
        kind,
        vocab_size=n_tokens,
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=places,
        **marks,
        **small,
    )


@pytest.fixture(scope="session")
def make_pretrained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Give the folder of a tiny model of a type, the same for the same arguments."""
    pytest.importorskip("transformers", reason="the extra text is not installed")
    made: dict[tuple[object, ...], str] = {}

    def make(kind: str = "bert", layers: int = 2, places: int = 40) -> str:
        key = (kind, layers, places)
        if key not in made:
            made[key] = str(save_tiny(tmp_path_factory.mktemp(kind), kind, layers, places))
        return made[key]

    return make


def save_tiny(folder: Path, kind: str, layers: int = 2, places: int = 40) -> Path:
    """Write a tiny model with random weights, and its tokenizer."""
    # Not at the top: the tests of Keras run where there is no torch.
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    tokenizer = trained_tokenizer(kind)
    names = ["<pad>", "<unk>", "<s>", "</s>"] if tokenizer.token_to_id("<s>") is not None else []
    pad, unknown, first, last = names or ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token=unknown, pad_token=pad, cls_token=first, sep_token=last
    ).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = tiny_config(kind, tokenizer.get_vocab_size(), layers, places)
        model = transformers.AutoModel.from_config(config)
        for weight in model.parameters():
            # Biases and norms as well: what begins at 0 or 1 would hide that it was not taken over.
            torch.nn.init.normal_(weight, std=0.3)
        model.save_pretrained(folder)
    return folder
