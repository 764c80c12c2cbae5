import pytest
import torch

from cotrain._base import RunError
from cotrain.training._device import can_fuse, default_generator, pick_device


def test_auto_is_an_accelerator_if_there_is_one():
    found = pick_device("auto")
    assert (found.type == "cpu") is not torch.accelerator.is_available()


@pytest.mark.parametrize("name", ["cpux", "cuda:99", ""])
def test_a_device_that_is_not_here_is_refused_in_one_sentence(name):
    with pytest.raises(RunError, match=r"training.device is .*, which cannot be used here") as caught:
        pick_device(name)
    assert "\n" not in str(caught.value)


def test_dropout_on_the_host_draws_from_its_generator():
    generator = default_generator(torch.device("cpu"))
    with torch.random.fork_rng():
        state = generator.get_state()
        first = torch.rand(3)
        generator.set_state(state)
        assert torch.equal(torch.rand(3), first)


def test_the_host_has_a_fused_optimiser():
    assert can_fuse(torch.device("cpu"))
    assert not can_fuse(torch.device("meta"))
