import torch
from torch import nn

from cotrain.networks._stacking import LoopedStage, StackedLayerNorm, StackedLinear, stack_stages
from cotrain.networks.encoders._dense import Dense


def by_hand(copies, hidden):
    rows = hidden.expand(len(copies), *hidden.shape[1:])
    return torch.stack([copy(rows[i]) for i, copy in enumerate(copies)])


def test_stacked_layers_equal_their_copies_for_common_and_for_own_inputs():
    linears, norms = [nn.Linear(3, 2) for _ in range(4)], [nn.LayerNorm(3) for _ in range(4)]
    for norm in norms:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    for hidden in (torch.randn(1, 5, 3), torch.randn(4, 5, 3)):
        torch.testing.assert_close(StackedLinear(linears)(hidden), by_hand(linears, hidden))
        torch.testing.assert_close(StackedLayerNorm(norms)(hidden), by_hand(norms, hidden))


def test_stages_of_one_stackable_class_are_batched_and_others_run_in_turn():
    dense = [Dense(3, 3, "tanh") for _ in range(2)]
    mixed = [nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3), nn.Tanh())]
    assert not isinstance(stack_stages(dense), LoopedStage)
    assert isinstance(stack_stages(mixed), LoopedStage)
    for copies in (dense, mixed):
        for hidden in (torch.randn(1, 5, 3), torch.randn(2, 5, 3)):
            torch.testing.assert_close(stack_stages(copies)(hidden), by_hand(copies, hidden))
