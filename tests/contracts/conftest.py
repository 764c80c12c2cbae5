"""Small cases of every exported encoder, for the contract tests of encoders and of sharing architectures."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from cotrain import networks
from cotrain.networks import Encoder, InputSpec


@dataclass(frozen=True)
class EncoderCase:
    make: Callable[[], Encoder]
    inputs: Callable[[int], dict[str, Tensor]]

    def __call__(self) -> Encoder:
        return self.make()


TABLE = InputSpec(n_numbers=3, cardinalities=(3, 4), bags={"bag:t": 20})


def table_rows(n: int) -> dict[str, Tensor]:
    categories = torch.stack([torch.arange(n) % 3, 3 + torch.arange(n) % 4], dim=1)
    # The last columns are padding, as in any batch of texts.
    bags = torch.cat([1 + torch.arange(5 * n).reshape(n, 5) % 19, torch.zeros(n, 2, dtype=torch.long)], dim=1)
    return {"numbers": torch.randn(n, 3), "categories": categories, "bag:t": bags}


def tokens(n: int) -> dict[str, Tensor]:
    return {"tokens": torch.cat([1 + torch.randint(10, (n, 4)), torch.zeros(n, 2, dtype=torch.long)], dim=1)}


def graphs(n: int) -> dict[str, Tensor]:
    return {"nodes": torch.randn(n, 4, 3), "adjacency": torch.ones(n, 4, 4) - torch.eye(4)}


def wrapped() -> Encoder:
    module = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8))
    return networks.Wrap(module, ["0", "1", ("2", "3")], widths=(8, 8, 8), fresh=True).build(InputSpec())


NOTHING = InputSpec()
CASES: dict[str, EncoderCase] = {
    "TableEncoder": EncoderCase(
        lambda: networks.TableEncoder(8, 1, embedding=2, bag_embedding=2).build(TABLE), table_rows
    ),
    "FTTransformer": EncoderCase(lambda: networks.FTTransformer(8, 2, 2).build(TABLE), table_rows),
    "MLP": EncoderCase(
        lambda: networks.MLP((8, 8), n_inputs=6, activation="tanh").build(NOTHING),
        lambda n: {"inputs": torch.randn(n, 2, 3)},
    ),
    "ConvNet": EncoderCase(
        lambda: networks.ConvNet((4, 8, 8), n_channels=2).build(NOTHING),
        lambda n: {"image": torch.randn(n, 2, 8, 8)},
    ),
    "ConvNet-map": EncoderCase(
        lambda: networks.ConvNet((4, 8, 8), n_channels=2, pool=False).build(NOTHING),
        lambda n: {"image": torch.randn(n, 2, 8, 8)},
    ),
    "LogMelConvNet": EncoderCase(
        lambda: networks.LogMelConvNet((4, 8, 8), window=64, hop=32, n_mels=8).build(NOTHING),
        lambda n: {"waveform": torch.randn(n, 500)},
    ),
    "Transformer": EncoderCase(lambda: networks.Transformer(8, 2, 2, n_tokens=11).build(NOTHING), tokens),
    "Transformer-sequence": EncoderCase(
        lambda: networks.Transformer(8, 2, 2, n_tokens=11, pooling="none").build(NOTHING), tokens
    ),
    "GraphEncoder": EncoderCase(lambda: networks.GraphEncoder(8, 2, n_features=3).build(NOTHING), graphs),
    "Wrap": EncoderCase(wrapped, lambda n: {"inputs": torch.randn(n, 6)}),
}


def exported(base: type) -> list[str]:
    classes = {name: getattr(networks, name) for name in networks.__all__}
    return [
        name for name, c in classes.items() if inspect.isclass(c) and issubclass(c, base) and c is not base
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # An exported encoder without a case here fails in `test_every_encoder_has_a_case`.
    if "encoder_name" in metafunc.fixturenames:
        metafunc.parametrize("encoder_name", list(CASES))
    if "sharing_name" in metafunc.fixturenames:
        metafunc.parametrize("sharing_name", exported(networks.Sharing))


@pytest.fixture
def encoder_case(encoder_name: str) -> EncoderCase:
    if encoder_name == "GraphEncoder" and importlib.util.find_spec("torch_geometric") is None:
        pytest.skip("torch-geometric is not installed: run pip install 'cotrain[graph]'.")
    torch.manual_seed(0)
    return CASES[encoder_name]


@pytest.fixture
def encoder_cases() -> dict[str, EncoderCase]:
    return CASES


@pytest.fixture(autouse=True)
def keep_global_seed() -> object:
    with torch.random.fork_rng():
        yield
