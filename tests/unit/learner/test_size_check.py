import pytest
import torch
from torch import nn

from cotrain._base import RunError
from cotrain.learner._size_check import require_sizes


def weights(*sizes):
    return [nn.Sequential(*[nn.Linear(a, b) for a, b in sizes]).state_dict()]


def test_the_network_of_the_weights_is_let_through_and_costs_no_random_numbers():
    saved, before = weights((3, 4), (4, 2)), torch.random.get_rng_state()
    require_sizes(lambda: nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), saved, "r")
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Sequential(nn.Linear(10**6, 10**9)),
        lambda: nn.Sequential(nn.Linear(3, 5)),
        lambda: nn.Sequential(*[nn.Linear(3, 4) for _ in range(10**9)]),
        lambda: nn.Sequential(nn.EmbeddingBag(10**15, 10**3)),
        lambda: nn.Sequential(nn.Linear(-3, 4)),
        lambda: nn.Sequential(nn.Linear(10**30, 4)),
    ],
    ids=["wide", "other", "deep", "buckets", "negative", "beyond"],
)
def test_a_forged_size_is_refused_before_memory_is_taken(build):
    with pytest.raises(RunError, match="describe another network than its weights"):
        require_sizes(build, weights((3, 4)), "r")


def test_networks_made_elsewhere_meanwhile_are_not_counted():
    import threading

    def build():
        other = threading.Thread(target=lambda: [nn.Linear(1, 1) for _ in range(500)])
        other.start()
        other.join()
        return nn.Sequential(nn.Linear(3, 4))

    require_sizes(build, weights((3, 4)), "r")
    assert not torch.nn.modules.module._global_parameter_registration_hooks
