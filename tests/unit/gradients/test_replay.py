"""A second look at a batch sees it as the first one did and leaves no trace."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients import ReplayForward


class Counting(nn.Module):
    """Keeps a count in a buffer that it replaces at each pass."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count = self.count + 1
        return x


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), Counting())


def test_same_draws_and_the_same_statistics_as_after_one_look():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, x = network(), torch.randn(6, 3)
        once = network()
        once.load_state_dict(model.state_dict())
        torch.manual_seed(1)
        again = ReplayForward(model)
        first = model(x)
        with again:
            second = model(x)
        after = torch.rand(3)
        torch.manual_seed(1)
        once(x)
        assert torch.equal(after, torch.rand(3))
    assert torch.equal(first, second)
    assert not second.requires_grad
    for name, value in once.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_only_the_update_makes_the_difference():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, x = nn.Sequential(nn.Linear(3, 1), nn.Dropout(0.5)), torch.randn(50, 3)
        again = ReplayForward(model)
        before = model(x).square().mean()
        before.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 1e-4 * parameter.grad
        slope = sum(float(parameter.grad.square().sum()) for parameter in model.parameters())
        with again:
            after = model(x).square().mean()
    assert float(before.detach() - after) == pytest.approx(1e-4 * slope, rel=0.05)


def broken_look(model: nn.Module) -> None:
    with ReplayForward(model):
        model(torch.ones(2, 3))
        raise RuntimeError("broken")


def test_statistics_are_put_back_after_an_error_too():
    model = network()
    with pytest.raises(RuntimeError, match="broken"):
        broken_look(model)
    assert int(model[1].num_batches_tracked) == 0
    assert torch.is_grad_enabled()
