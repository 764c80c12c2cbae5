from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from cotrain.tasks._cross_entropy import class_logits, class_losses


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4)])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_losses_are_those_of_torch_entry_by_entry(shape: tuple[int, ...], smoothing: float) -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(*shape, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 6, shape, generator=generator)
    expected = functional.cross_entropy(
        output.reshape(-1, 6), target.flatten(), reduction="none", label_smoothing=smoothing
    )
    torch.testing.assert_close(class_losses(output, target, smoothing, None), expected.reshape(shape))
    weights = torch.rand(6, generator=generator, dtype=torch.float64)
    weighed = class_losses(output, target, smoothing, weights)
    torch.testing.assert_close(weighed, expected.reshape(shape) * weights[target])


@pytest.mark.parametrize("number", [6, 7])
def test_an_unseen_class_costs_as_much_as_the_least_probable_and_sends_no_gradient(number: int) -> None:
    output = torch.randn(4, 6, generator=torch.Generator().manual_seed(1), requires_grad=True)
    loss = class_losses(output, torch.full((4,), number), 0.1, None)
    torch.testing.assert_close(loss, -torch.log_softmax(output, -1).amin(-1))
    assert not loss.requires_grad or torch.autograd.grad(loss.sum(), output)[0].abs().max() == 0


def test_no_other_constant_has_less_loss() -> None:
    generator = torch.Generator().manual_seed(2)
    targets, mask = torch.randint(0, 4, (50,), generator=generator), torch.rand(50, generator=generator) < 0.6
    weights = torch.tensor([1.0, 3.0, 0.5, 1.0], dtype=torch.float64)

    def loss(constant: torch.Tensor) -> float:
        return float(class_losses(constant.expand(50, 4), targets, 0.1, weights.float())[mask].sum())

    best = class_logits(targets, mask, 4, 0.1, weights=weights)
    # With weights and smoothing together the shares are of the weighted counts.
    for _ in range(20):
        assert loss(best) <= loss(best + 0.3 * torch.randn(4, generator=generator)) + 1e-3
    assert (class_logits(targets, torch.zeros(50), 4, 0.0, weights=None) == 0).all()
