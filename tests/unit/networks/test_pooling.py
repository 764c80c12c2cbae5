import pytest
import torch

from cotrain.networks._pooling import POOLINGS, make_pool


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_and_its_content_do_not_matter_and_no_positions_are_zeros(pooling):
    torch.manual_seed(0)
    pool, x = make_pool(pooling, 4), torch.randn(3, 5, 4)
    for parameter in pool.parameters():
        torch.nn.init.normal_(parameter)
    mask = torch.arange(5) < torch.tensor([[5], [2], [0]])
    given = pool(x, mask)
    torch.testing.assert_close(given[0], pool(x[:1])[0])
    torch.testing.assert_close(given[1], pool(x[1:2, :2])[0])
    assert not given[2].any()
    x[~mask] = 1e4
    torch.testing.assert_close(pool(x, mask), given)
    vector, picture = torch.randn(2, 4), torch.randn(2, 4, 3, 5)
    assert torch.equal(pool(vector), vector)
    torch.testing.assert_close(pool(picture), pool(picture.flatten(2).transpose(1, 2)))


def test_they_are_what_they_are_called():
    x = torch.randn(2, 5, 4)
    torch.testing.assert_close(make_pool("mean", 4)(x), x.mean(dim=1))
    torch.testing.assert_close(make_pool("max", 4)(x), x.amax(dim=1))
    attention = make_pool("attention", 4)
    torch.testing.assert_close(attention(x), x.mean(dim=1))  # at first
    torch.nn.init.normal_(attention.score.weight)
    scores = torch.stack(
        [torch.tanh(attention.inner(x[:, s])) @ attention.score.weight[0] for s in range(5)], 1
    )
    weights = scores.exp() / scores.exp().sum(dim=1, keepdim=True)
    torch.testing.assert_close(attention(x), sum(weights[:, s, None] * x[:, s] for s in range(5)))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_of_a_row_without_positions_are_finite(pooling):
    pool, x = make_pool(pooling, 4), torch.randn(2, 3, 4, requires_grad=True)
    pool(x, torch.tensor([[False] * 3, [True] * 3])).square().sum().backward()
    assert bool(x.grad.isfinite().all())
    assert not x.grad[0].any()
    assert all(bool(p.grad.isfinite().all()) for p in pool.parameters())
