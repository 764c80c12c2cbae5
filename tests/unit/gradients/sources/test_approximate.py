from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, PCGrad, UPGrad
from cotrain.gradients import Balance

from ..networks import Net, SignSum, flat, jacobian, values


def test_representation_uses_the_gramian_there():
    net, plain = Net(), Net()
    balance = Balance(UPGrad(), net.encoder.parameters(), source="representation")
    balance.backward(net.losses())
    z = plain.encoder(plain.x)
    losses = plain.losses_of(z)
    at_z = torch.stack(
        [torch.autograd.grad(loss, z, retain_graph=True)[0].flatten() for loss in losses.values()]
    )
    w = torch.from_numpy(UPGrad().weights(values(losses), (at_z @ at_z.T).numpy()))
    torch.testing.assert_close(balance.weights, w)
    torch.testing.assert_close(
        flat(net.encoder.parameters()), w @ jacobian(losses, plain.encoder.parameters())
    )
    sum(losses.values()).backward()
    torch.testing.assert_close(net.heads[1].weight.grad, plain.heads[1].weight.grad)


def test_a_losses_only_method_still_trains_the_encoder():
    net, plain = Net(), Net()
    Balance(Equal(), net.encoder.parameters(), source="representation").backward(net.losses())
    sum(plain.losses().values()).backward()
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))


def test_modules_stand_for_the_whole():
    net, plain = Net(), Net()
    balance = Balance(UPGrad(), net.encoder.parameters(), source=[net.encoder[2]])
    balance.backward(net.losses())
    losses = plain.losses()
    part = jacobian(losses, plain.encoder[2].parameters())
    w = torch.from_numpy(UPGrad().weights(values(losses), (part @ part.T).numpy()))
    torch.testing.assert_close(balance.weights, w)
    torch.testing.assert_close(
        flat(net.encoder.parameters()), w @ jacobian(losses, plain.encoder.parameters())
    )


def test_all_modules_are_exact():
    net, plain = Net(), Net()
    Balance(UPGrad(), net.encoder.parameters(), source=[net.encoder]).backward(net.losses())
    Balance(UPGrad(), plain.encoder.parameters(), source="exact").backward(plain.losses())
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))


def test_errors_are_sentences():
    net = Net()
    parameters = list(net.encoder.parameters())
    with pytest.raises(InvalidArgumentError, match="list of modules"):
        Balance(UPGrad(), parameters, source=[])
    with pytest.raises(InvalidArgumentError, match="none of the modules holds"):
        Balance(UPGrad(), parameters, source=[net.heads[0]]).backward(net.losses())
    with pytest.raises(InvalidArgumentError, match="needs the gradients themselves"):
        Balance(SignSum(), parameters, source="representation")
    with pytest.raises(InvalidArgumentError, match="fewer shared_parameters"):
        Balance(SignSum(), parameters, source=[net.encoder[0]])
    losses = {f"t{k}": net.losses()[f"t{k}"] for k in range(2)}
    with pytest.raises(InvalidArgumentError, match="own forward pass"):
        Balance(PCGrad(), parameters, source="representation").backward(losses)
    together = torch.stack(list(net.losses().values()))
    with pytest.raises(InvalidArgumentError, match="separate tensors"):
        Balance(PCGrad(), parameters, source="representation").backward({"a": together[0], "b": together[1]})
