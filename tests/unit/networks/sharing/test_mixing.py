import pytest
import torch

from cotrain.networks.sharing._mixing import mix


@pytest.fixture
def parts():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gates = [torch.rand(3, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
        yield gates, torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)


def test_equals_the_sum(parts):
    gates, experts = parts
    for gate, mixed in zip(gates, mix(gates, experts), strict=True):
        torch.testing.assert_close(mixed, torch.einsum("be,ebsd->bsd", gate, experts))


def test_gradients_and_their_gradients(parts):
    gates, experts = parts
    assert torch.autograd.gradcheck(lambda e, *g: tuple(mix(g, e)), (experts, *gates))
    assert torch.autograd.gradgradcheck(lambda e, *g: tuple(mix(g, e)), (experts, *gates))


def test_a_mixture_that_nothing_is_learned_from_sends_nothing(parts):
    gates, experts = parts
    mix(gates, experts)[1].square().sum().backward()
    assert gates[0].grad is None
    assert gates[1].grad is not None


def test_gradients_of_several_tasks_at_once(parts):
    gates, experts = parts
    total = torch.stack([mixed.square().sum() for mixed in mix(gates, experts)])
    together = torch.autograd.grad(
        total, experts, torch.eye(2, dtype=torch.float64), is_grads_batched=True, retain_graph=True
    )[0]
    for k in range(2):
        one = torch.autograd.grad(total[k], experts, retain_graph=True)[0]
        torch.testing.assert_close(together[k], one)


def test_mixed_precision():
    gates = [torch.rand(3, 2, requires_grad=True)]
    weight = torch.randn(4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        mix(gates, torch.stack([torch.ones(3, 4) @ weight] * 2))[0].sum().backward()
    assert gates[0].grad.dtype == weight.grad.dtype == torch.float32
