"""After a step the graph is as free as the last backward pass leaves it, whatever the source."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.balancing import UPGrad
from cotrain.gradients import Balance
from cotrain.gradients.graph._task_graph import TaskGraph


class Net(nn.Module):
    """Heads that read one representation, or one of them an earlier one, or a function of it."""

    def __init__(self, kind: str, *, bias: bool = True, picks: bool = False) -> None:
        super().__init__()
        self.kind, self.picks = kind, picks
        self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 5)
        self.heads = nn.ModuleList(nn.Linear(5, 1, bias=bias) for _ in range(3))

    def losses(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        h = self.first(x).tanh()
        z = self.second(h).tanh()
        reads = {
            "linear": (z, z, z),
            "nested": (h, z, z),
            "bent": (z.sin(), z, z),
            "rows": (z[:2], z[2:4], z[4:]),
        }[self.kind]
        pairs = enumerate(zip(self.heads, reads, strict=True))
        squares = {f"t{k}": head(read).square() for k, (head, read) in pairs}
        # Some rows have no label: which ones a loss reads is known to the engine alone.
        return {name: (rows[rows > -1] if self.picks else rows).mean() for name, rows in squares.items()}


@pytest.mark.parametrize("picks", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["linear", "nested", "bent", "rows"])
@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
def test_the_graph_is_freed_while_the_losses_are_held(source, kind, bias, picks):
    net = Net(kind, bias=bias, picks=picks)
    balance = Balance(UPGrad(), [*net.first.parameters(), *net.second.parameters()], source=source)
    losses = net.losses(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    balance.backward(losses)
    with pytest.raises(RuntimeError, match="second time"):
        sum(losses.values()).backward()


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
def test_it_stays_where_it_is_needed_again(source):
    net = Net("linear")
    balance = Balance(UPGrad(), [*net.first.parameters(), *net.second.parameters()], source=source)
    losses = net.losses(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    balance.combine(losses).backward()
    assert net.first.weight.grad is not None


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["linear", "nested", "bent", "rows"])
def test_no_node_keeps_what_it_has_saved(kind, bias):
    net = Net(kind, bias=bias)
    balance = Balance(UPGrad(), [*net.first.parameters(), *net.second.parameters()], source="ghost")
    losses = net.losses(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)))
    balance.backward(losses)
    freed = 0
    for node in TaskGraph(list(losses.values())).owner:
        for name in {"_saved_mat1", "_saved_mat2", "_saved_result"} & set(dir(node)):
            try:
                assert getattr(node, name) is None  # what needs no gradient of another factor keeps none
            except RuntimeError:
                freed += 1
    assert freed > 4
