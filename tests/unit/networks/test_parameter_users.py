from torch import nn

from cotrain.networks._parameter_users import parameter_users


def test_every_place_of_a_module_or_weight_counts():
    trunk, common, own, tied = (nn.Linear(3, 3, bias=False) for _ in range(4))
    tied.weight = trunk.weight
    network = nn.ModuleList([trunk, common, own, tied])
    users = parameter_users(network, {"a": [own, common, tied], "b": [nn.Sequential(common)]})
    assert users == {id(trunk.weight): {None, "a"}, id(common.weight): {"a", "b"}, id(own.weight): {"a"}}


def test_without_modules_of_their_own_everybody_uses_everything():
    network = nn.Linear(2, 2)
    assert list(parameter_users(network, {}).values()) == [{None}, {None}]
