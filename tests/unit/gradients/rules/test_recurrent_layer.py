"""A fused LSTM gives each task's gradient of its weights, from that task's rows alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.balancing import UPGrad
from cotrain.gradients import Balance


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("learned_state", [False, True])
def test_equals_passes(bidirectional, batch_first, learned_state):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.LSTM(3, 4, num_layers=2, bidirectional=bidirectional, batch_first=batch_first)
        n_states = 4 if bidirectional else 2
        state = [nn.Parameter(torch.randn(n_states, 1, 4) / 3) for _ in range(2)]
        heads = nn.ModuleList(nn.Linear(8 if bidirectional else 4, 1) for _ in range(3))
        x = torch.randn(6, 5, 3)
    found = []
    for source in ("disjoint", "exact"):
        first = [s.expand(-1, 6, -1).contiguous() for s in state] if learned_state else None
        out, (h, _) = body(x if batch_first else x.transpose(0, 1), first)
        z = (out if batch_first else out.transpose(0, 1)).mean(1) + torch.cat(
            [h[-1]] * (2 if bidirectional else 1), 1
        )
        shared = [*body.parameters(), *(state if learned_state else [])]
        balance = Balance(UPGrad(), shared, source=source)
        for parameter in [*shared, *heads.parameters()]:
            parameter.grad = None
        balance.backward({str(k): (head(z[k::3])[:, 0] - k).square().mean() for k, head in enumerate(heads)})
        assert balance.last_source.startswith(source)
        found.append(torch.cat([parameter.grad.flatten() for parameter in shared]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)
