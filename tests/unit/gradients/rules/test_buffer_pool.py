"""Memory for gradients is used again only while nobody else looks at it."""

from __future__ import annotations

import torch
from torch import nn

from cotrain.balancing import UPGrad
from cotrain.gradients import Balance
from cotrain.gradients.rules import _buffer_pool
from cotrain.gradients.rules._buffer_pool import BufferPool


def test_a_gradient_that_was_given_up_is_used_again():
    workspace, parameter = BufferPool(), nn.Parameter(torch.zeros(3, 4))
    first = workspace.gradient(parameter)
    parameter.grad = first.detach()
    parameter.grad = None
    assert workspace.gradient(parameter).data_ptr() == first.data_ptr()


def test_a_gradient_that_somebody_holds_is_left_alone():
    workspace, parameter = BufferPool(), nn.Parameter(torch.zeros(3, 4))
    memory = workspace.gradient(parameter).data_ptr()
    parameter.grad = workspace.gradient(parameter).detach()
    for hold in (lambda grad: grad, lambda grad: grad[1:], lambda grad: grad.numpy(), lambda grad: grad.T):
        held = hold(parameter.grad)
        parameter.grad = None
        other = workspace.gradient(parameter)
        assert other.data_ptr() != memory
        memory = other.data_ptr()
        parameter.grad = other.detach()
        del held, other


def test_memory_that_nobody_can_vouch_for_is_not_used_again(monkeypatch):
    monkeypatch.setattr(_buffer_pool, "_ALONE", None)
    workspace, parameter = BufferPool(), nn.Parameter(torch.zeros(3, 4))
    first = workspace.gradient(parameter)
    assert workspace.gradient(parameter).data_ptr() != first.data_ptr()


def test_what_is_added_to_a_gradient_lies_elsewhere():
    workspace, parameter = BufferPool(), nn.Parameter(torch.zeros(3, 4))
    parameter.grad = workspace.gradient(parameter).detach()
    assert workspace.gradient(parameter).data_ptr() != parameter.grad.data_ptr()


def test_kept_gradients_of_earlier_steps_stay_as_they_were():
    torch.manual_seed(0)
    encoder, head = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8)), nn.Linear(8, 2)
    balance = Balance(UPGrad(), encoder.parameters(), source="ghost")
    kept, copies = [], []
    for _ in range(4):
        output = head(encoder(torch.randn(5, 3)))
        balance.backward({"a": output[:, 0].square().mean(), "b": (output[:, 1] - 1).square().mean()})
        kept.append([parameter.grad for parameter in encoder.parameters()])
        copies.append([parameter.grad.clone() for parameter in encoder.parameters()])
        for parameter in encoder.parameters():
            parameter.grad = None
    for grads, expected in zip(kept, copies, strict=True):
        for grad, copy in zip(grads, expected, strict=True):
            torch.testing.assert_close(grad, copy, rtol=0, atol=0)
