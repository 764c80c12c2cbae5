"""Small cases of every exported encoder, for the contract tests of encoders and of sharing architectures."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from cotrain import networks
from cotrain._base import SubwordSpec
from cotrain.networks import Encoder, InputSpec


@dataclass(frozen=True)
class EncoderCase:
    make: Callable[[], Encoder]
    inputs: Callable[[int], dict[str, Tensor]]

    def __call__(self) -> Encoder:
        return self.make()


EDGES = ((-1.0, 0.0, 1.0), (-2.0, -1.0, 0.0, 2.0), (0.0, 1.0))
TABLE = InputSpec(n_numbers=3, cardinalities=(3, 4), bags={"bag:t": 20}, edges=EDGES)


def table_rows(n: int) -> dict[str, Tensor]:
    categories = torch.stack([torch.arange(n) % 3, 3 + torch.arange(n) % 4], dim=1)
    # The last columns are padding, as in any batch of texts.
    bags = torch.cat([1 + torch.arange(5 * n).reshape(n, 5) % 19, torch.zeros(n, 2, dtype=torch.long)], dim=1)
    return {"numbers": torch.randn(n, 3), "categories": categories, "bag:t": bags}


def tokens(n: int) -> dict[str, Tensor]:
    return {"tokens": torch.cat([1 + torch.randint(10, (n, 4)), torch.zeros(n, 2, dtype=torch.long)], dim=1)}


def graphs(n: int) -> dict[str, Tensor]:
    return {"nodes": torch.randn(n, 4, 3), "adjacency": torch.ones(n, 4, 4) - torch.eye(4)}


def padded(values: Tensor, lengths: list[int]) -> Tensor:
    """Rows of codes, with anything at all behind their ends."""
    places = torch.arange(values.shape[1])
    return values.where(places < torch.tensor(lengths)[:, None], torch.randint_like(values, 1, 9))


def lengths_of(n: int, longest: int, shift: int = 0) -> list[int]:
    """The longest first, and a row without any."""
    return [(longest - row - shift) % (longest + 1) for row in range(n)]


def ragged_tokens(n: int) -> dict[str, Tensor]:
    lengths = lengths_of(n, 4)
    # A code of 0 within a row is a token as any other.
    values = padded(torch.arange(4 * n).reshape(n, 4) % 10, lengths)
    return {"tokens": values, "tokens:lengths": torch.tensor(lengths)}


WORDS = InputSpec(words={"words:t": 11}, characters={"characters:t": 7})
STEMS = InputSpec(
    n_numbers=3,
    cardinalities=(3, 4),
    bags={"bag:t": 20},
    words={"words:t": 11, "words:u": 9},
    characters={"characters:t": 7, "characters:u": 5},
)


def words(n: int, column: str = "t", longest: int = 4) -> dict[str, Tensor]:
    lengths = lengths_of(n, longest, shift=0 if column == "t" else 2)
    values = padded(1 + torch.arange(longest * n).reshape(n, longest) % 8, lengths)
    characters = 1 + torch.arange(longest * n * 6).reshape(n, longest, 6) % 4
    characters[..., 4:] = 0
    return {
        f"words:{column}": values,
        f"words:{column}:lengths": torch.tensor(lengths),
        f"characters:{column}": characters,
        f"characters:{column}:lengths": torch.tensor(lengths),
    }


def stems(n: int) -> dict[str, Tensor]:
    return {**table_rows(n), **words(n), **words(n, "u", 3)}


SOUNDS = InputSpec(sounds={"sound:t": 200})
SOUND_STEMS = InputSpec(
    n_numbers=3,
    cardinalities=(3, 4),
    bags={"bag:t": 20},
    words={"words:u": 9},
    characters={"characters:u": 5},
    sounds={"sound:t": 200},
)


def sounds(n: int) -> dict[str, Tensor]:
    """Samples, of which 20 are a position; the last one of some rows has fewer."""
    lengths = torch.tensor(
        [max(0, 20 * length - 7 * (row % 2)) for row, length in enumerate(lengths_of(n, 5))]
    )
    return {"sound:t": torch.randn(n, 100), "sound:t:lengths": lengths}


def sound_stems(n: int) -> dict[str, Tensor]:
    return {**table_rows(n), **words(n, "u", 3), **sounds(n)}


def sound_encoder(spec: InputSpec, blocks: str, **options: object) -> Callable[[], Encoder]:
    return lambda: networks.SoundEncoder(
        *(8, 2),
        blocks=blocks,
        heads=2,
        kernel=3,
        n_mels=5,
        window=0.1,
        hop=0.05,
        word_embedding=4,
        character_embedding=3,
        **options,
    ).build(spec)


def word_encoder(spec: InputSpec, blocks: str) -> Callable[[], Encoder]:
    return lambda: networks.WordEncoder(
        8, 2, blocks=blocks, word_embedding=4, character_embedding=3, heads=2, kernel=3
    ).build(spec)


MARKS = SubwordSpec(9, prefix=(2,), middle=(3,), suffix=(3,), second_type=1)
SUBWORDS = InputSpec(subwords={"pieces:t": MARKS}, of_words=("firsts:t",))
SUBWORD_STEMS = replace(SUBWORDS, n_numbers=3, subwords={"pieces:t": MARKS, "pieces:u": MARKS})
#: As it stands in a run: no folder is read.
TINY_BERT = {
    "model_type": "bert",
    "vocab_size": 9,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    # Attention asks its own mode for it, so that a test cannot switch it off as other dropout.
    "attention_probs_dropout_prob": 0.0,
}


def pretrained(spec: InputSpec, trainable: str = "all") -> Callable[[], Encoder]:
    return lambda: networks.PretrainedTransformer("-", trainable, config=TINY_BERT, fingerprint="").build(
        spec
    )


def subwords(n: int) -> dict[str, Tensor]:
    lengths = {"firsts:t": lengths_of(n, 4), "pieces:t": lengths_of(n, 3, shift=1)}
    found = {}
    for key, of_rows in lengths.items():
        longest = max(of_rows, default=0)
        numbers = padded(1 + torch.arange(longest * n).reshape(n, longest) % 8, of_rows)
        places = padded(2 * torch.arange(longest).expand(n, -1) + (key == "pieces:t"), of_rows)
        found |= {key: torch.stack([numbers, places], dim=-1).int(), f"{key}:lengths": torch.tensor(of_rows)}
    return found


def subword_stems(n: int) -> dict[str, Tensor]:
    text = {name.replace("pieces:t", "pieces:u"): value for name, value in subwords(n).items()}
    return {"numbers": torch.randn(n, 3), **subwords(n), **{k: v for k, v in text.items() if ":u" in k}}


def wrapped_sequence() -> Encoder:
    layers = [nn.TransformerEncoderLayer(8, 2, 8, batch_first=True) for _ in range(2)]
    module = nn.Sequential(nn.Embedding(11, 8), *layers)
    return networks.Wrap(module, ["0", "1", "2"], key="tokens", widths=(8, 8, 8), fresh=True).build(NOTHING)


def wrapped() -> Encoder:
    module = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    return networks.Wrap(module, ["0", "1", ("2", "3")], widths=(8, 8, 8), fresh=True).build(InputSpec())


NOTHING = InputSpec()
CASES: dict[str, EncoderCase] = {
    "TableEncoder": EncoderCase(
        lambda: networks.TableEncoder(8, 1, embedding=2, bag_embedding=2).build(TABLE), table_rows
    ),
    "TableEncoder-piecewise": EncoderCase(
        lambda: networks.TableEncoder(8, 1, numbers="piecewise", number_embedding=2).build(TABLE), table_rows
    ),
    "TableEncoder-plain": EncoderCase(
        lambda: networks.TableEncoder(8, 1, numbers="plain").build(TABLE), table_rows
    ),
    "TabM": EncoderCase(lambda: networks.TabM(8, 2, members=3).build(TABLE), table_rows),
    "FTTransformer": EncoderCase(lambda: networks.FTTransformer(8, 2, 2).build(TABLE), table_rows),
    "MLP": EncoderCase(
        lambda: networks.MLP((8, 8), n_inputs=6, activation="tanh").build(NOTHING),
        lambda n: {"inputs": torch.randn(n, 2, 3)},
    ),
    "ConvNet": EncoderCase(
        lambda: networks.ConvNet((4, 8, 8), n_channels=2).build(NOTHING),
        lambda n: {"image": torch.randn(n, 2, 8, 8)},
    ),
    "VisionTransformer": EncoderCase(
        lambda: networks.VisionTransformer(8, 2, 2, patch=3, n_channels=2).build(NOTHING),
        lambda n: {"image": torch.randn(n, 2, 8, 8)},
    ),
    "Transformer": EncoderCase(lambda: networks.Transformer(8, 2, 2, n_tokens=11).build(NOTHING), tokens),
    "Transformer-ragged": EncoderCase(
        lambda: networks.Transformer(8, 2, 2, n_tokens=11).build(NOTHING), ragged_tokens
    ),
    "WordEncoder-lstm": EncoderCase(word_encoder(WORDS, "lstm"), words),
    "WordEncoder-transformer": EncoderCase(word_encoder(WORDS, "transformer"), words),
    "WordEncoder-conv": EncoderCase(word_encoder(WORDS, "conv"), words),
    "WordEncoder-stems": EncoderCase(word_encoder(STEMS, "lstm"), stems),
    "SoundEncoder-conv": EncoderCase(sound_encoder(SOUNDS, "conv"), sounds),
    "SoundEncoder-lstm": EncoderCase(sound_encoder(SOUNDS, "lstm"), sounds),
    "SoundEncoder-conformer": EncoderCase(sound_encoder(SOUNDS, "conformer"), sounds),
    "SoundEncoder-stems": EncoderCase(sound_encoder(SOUND_STEMS, "conv"), sound_stems),
    "SoundEncoder": EncoderCase(
        sound_encoder(InputSpec(tensors={"waveform": (100,)}), "transformer", key="waveform", rate=200),
        lambda n: {"waveform": torch.randn(n, 100)},
    ),
    "PretrainedTransformer": EncoderCase(pretrained(SUBWORDS), subwords),
    "PretrainedTransformer-stems": EncoderCase(pretrained(SUBWORD_STEMS), subword_stems),
    "Wrap-sequence": EncoderCase(wrapped_sequence, ragged_tokens),
    "GraphEncoder": EncoderCase(lambda: networks.GraphEncoder(8, 2, n_features=3).build(NOTHING), graphs),
    "Wrap": EncoderCase(wrapped, lambda n: {"inputs": torch.randn(n, 6)}),
}

#: Those whose rows may have different numbers of positions.
SEQUENCES = [
    name
    for name in CASES
    if name.startswith(("Transformer", "Pretrained", "WordEncoder", "SoundEncoder-", "Wrap-"))
]


def exported(base: type) -> list[str]:
    classes = {name: getattr(networks, name) for name in networks.__all__}
    return [
        name for name, c in classes.items() if inspect.isclass(c) and issubclass(c, base) and c is not base
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # An exported encoder without a case here fails in `test_every_encoder_has_a_case`.
    if "encoder_name" in metafunc.fixturenames:
        metafunc.parametrize("encoder_name", list(CASES))
    if "sequence_name" in metafunc.fixturenames:
        metafunc.parametrize("sequence_name", SEQUENCES)
    if "sharing_name" in metafunc.fixturenames:
        metafunc.parametrize("sharing_name", exported(networks.Sharing))


def require_text(name: str) -> None:
    if name.startswith("Pretrained") and importlib.util.find_spec("transformers") is None:
        pytest.skip("transformers is not installed: run pip install 'cotrain[text]'.")


@pytest.fixture
def encoder_case(encoder_name: str) -> EncoderCase:
    require_text(encoder_name)
    if encoder_name == "GraphEncoder" and importlib.util.find_spec("torch_geometric") is None:
        pytest.skip("torch-geometric is not installed: run pip install 'cotrain[graph]'.")
    torch.manual_seed(0)
    return CASES[encoder_name]


@pytest.fixture
def sequence_case(sequence_name: str) -> EncoderCase:
    require_text(sequence_name)
    torch.manual_seed(0)
    return CASES[sequence_name]


@pytest.fixture
def encoder_cases() -> dict[str, EncoderCase]:
    return CASES


@pytest.fixture
def sharing_names() -> list[str]:
    return exported(networks.Sharing)


@pytest.fixture(autouse=True)
def keep_global_seed() -> object:
    with torch.random.fork_rng():
        yield
