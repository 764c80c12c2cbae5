from __future__ import annotations

import torch

from cotrain.balancing import Equal
from cotrain.gradients import Monitor
from cotrain.gradients._shared_parameters import SharedParameters
from cotrain.gradients.passes._base import PassContext

from ..networks import Net


def test_what_is_frozen_is_not_shared():
    net = Net()
    context = PassContext(Equal(), SharedParameters(net.encoder.parameters()), model=net)
    assert not context.nothing_shared()
    assert context.reached() == list(net.encoder.parameters())
    net.encoder.requires_grad_(False)
    assert context.nothing_shared()
    assert [id(p) for p in context.reached()] == [id(p) for p in net.heads.parameters()]
    assert PassContext(Equal(), SharedParameters(net.encoder.parameters())).reached() == []


def test_due_and_scaled():
    shared = SharedParameters(Net().encoder.parameters())
    bare = PassContext(Equal(), shared)
    assert not bare.due(0)
    assert bare.scaled(torch.ones(())) == 1
    full = PassContext(
        Equal(), shared, monitor=Monitor(every=2), scaler=torch.amp.GradScaler("cpu", init_scale=8.0)
    )
    assert [full.due(n) for n in range(3)] == [True, False, True]
    assert full.scaled(torch.ones(())) == 8
