from __future__ import annotations

import torch
from torch import nn

from cotrain.networks.encoders._low_rank_linear import ADAPTERS, LowRankLinear, adapt


def test_it_is_the_layer_with_a_matrix_of_low_rank_added():
    torch.manual_seed(0)
    linear, x = nn.Linear(5, 4), torch.randn(3, 2, 5)
    adapted = LowRankLinear(linear, rank=2, scale=6.0)
    nn.init.normal_(adapted.adapter_up.weight)
    weight = linear.weight + 3.0 * adapted.adapter_up.weight @ adapted.adapter_down.weight
    torch.testing.assert_close(adapted(x), x @ weight.T + linear.bias)


def test_it_begins_as_the_layer_and_holds_its_very_weights():
    for bias in (True, False):
        linear = nn.Linear(5, 4, bias=bias)
        adapted, x = LowRankLinear(linear, rank=8, scale=16.0), torch.randn(2, 5)
        assert adapted.weight is linear.weight
        assert torch.equal(adapted(x), linear(x))
        added = [name for name, _ in adapted.named_parameters() if ("." + name).endswith(ADAPTERS)]
        assert len(added) == 2


def test_only_layers_of_these_names_are_adapted_wherever_they_are():
    block = nn.ModuleDict(
        {"inner": nn.ModuleDict({"query": nn.Linear(4, 4), "key": nn.Linear(4, 4)}), "query": nn.Linear(4, 2)}
    )
    adapt(block, ("query",), rank=1, scale=1.0)
    assert [type(one) for one in (block["inner"]["query"], block["query"])] == [LowRankLinear] * 2
    assert type(block["inner"]["key"]) is nn.Linear
    adapt(block, ("query",), rank=1, scale=1.0)
    assert type(block["query"].adapter_up) is nn.Linear
