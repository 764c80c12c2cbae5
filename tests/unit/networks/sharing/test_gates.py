import torch

from cotrain.networks.sharing._gates import Gate


def test_a_gate_is_a_softmax_over_its_experts():
    gate, x = Gate(3, 4), torch.randn(5, 3)
    torch.testing.assert_close(gate(x), torch.softmax(x @ gate.linear.weight.T, dim=1))
    assert gate.linear.bias is None


def test_an_expert_that_is_left_out_gets_nothing_and_a_row_never_loses_all():
    gate, x = Gate(3, 2, dropout=0.9), torch.randn(400, 3)
    torch.manual_seed(0)
    kept = gate(x)
    torch.testing.assert_close(kept.sum(dim=1), torch.ones(400))
    assert bool(((kept == 0).sum(dim=1) <= 1).all())
    assert bool((kept == 0).any())
    gate.eval()
    torch.testing.assert_close(gate(x), torch.softmax(gate.linear(x), dim=1))


def test_what_a_gate_gives_in_training_is_counted():
    gate, x = Gate(3, 2), torch.randn(6, 3)
    given = gate(x)
    gate.eval()
    gate(x)
    torch.testing.assert_close(torch.tensor(gate.meter.mean()), given.mean(dim=0))
