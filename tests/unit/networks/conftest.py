from __future__ import annotations

import pytest
import torch
from torch import Tensor

from cotrain.networks import MLP, Encoder, InputSpec


class Recorder:
    """Makes small perceptrons and keeps them, so that a test can compute with the weights they began with."""

    def __init__(self) -> None:
        self.made: list[Encoder] = []
        self.x = torch.randn(6, 3)
        self.inputs = {"inputs": self.x}

    def __call__(self) -> Encoder:
        self.made.append(MLP((6, 4), n_inputs=3, activation="tanh").build(InputSpec()))
        return self.made[-1]

    def layer(self, encoder: int, number: int, x: Tensor) -> Tensor:
        """Layer 1 (3 to 6) or 2 (6 to 4) of one of the perceptrons, literally."""
        linear = self.made[encoder].stages[number].linear
        return torch.tanh(x @ linear.weight.T + linear.bias)

    def whole(self, encoder: int, x: Tensor) -> Tensor:
        return self.layer(encoder, 2, self.layer(encoder, 1, x))

    #: Parameters of the two layers.
    sizes = (3 * 6 + 6, 6 * 4 + 4)


@pytest.fixture
def recorder() -> Recorder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield Recorder()


@pytest.fixture
def close():
    def check(given: Tensor, expected: Tensor) -> None:
        torch.testing.assert_close(given, expected, rtol=0, atol=1e-6)

    return check


@pytest.fixture
def count():
    return lambda parameters: sum(parameter.numel() for parameter in parameters)
