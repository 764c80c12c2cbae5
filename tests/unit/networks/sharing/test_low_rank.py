import pytest
import torch
from torch import nn
from torch.nn import functional

from cotrain._base import InvalidArgumentError
from cotrain.networks import ConvNet, InputSpec, LowRank, Wrap


def test_equals_its_equations(recorder, close, count):
    sharing = LowRank(2, 3.0).build(recorder, ["a", "b"])
    with torch.no_grad():
        for parameter in sharing.adapters.parameters():
            parameter.copy_(torch.randn_like(parameter))
    outputs = sharing(recorder.inputs)
    for k, task in enumerate(("a", "b")):
        hidden = recorder.x
        for number in (1, 2):
            linear, adapter = recorder.made[0].stages[number].linear, sharing.adapters[k][number - 1]
            weight = linear.weight + 3.0 / 2 * adapter.up_weight @ adapter.down_weight
            hidden = torch.tanh(hidden @ weight.T + linear.bias)
        close(outputs[task], hidden)
        assert count(sharing.task_parameters(task)) == 2 * (3 + 6) + 2 * (6 + 4)
    assert count(sharing.shared_parameters()) == sum(recorder.sizes)


def test_starts_as_the_shared_encoder(recorder, close):
    outputs = LowRank().build(recorder, ["a", "b"])(recorder.inputs)
    close(outputs["b"], recorder.whole(0, recorder.x))


def test_kernels_are_adapted_as_matrices(close):
    torch.manual_seed(0)
    sharing = LowRank(2, 2.0, shared_stages=0).build(
        lambda: Wrap(nn.Conv2d(3, 4, 3), widths=(4,)).build(InputSpec()), ["a"]
    )
    with torch.no_grad():
        for parameter in sharing.adapters.parameters():
            parameter.copy_(torch.randn_like(parameter))
    x = torch.randn(2, 3, 6, 6)
    adapter = sharing.adapters[0][0]
    weights = dict(sharing.rest.named_parameters())
    weight = next(value for name, value in weights.items() if name.endswith("weight"))
    bias = next(value for name, value in weights.items() if name.endswith("bias"))
    changed = weight + (adapter.up_weight @ adapter.down_weight).view(4, 3, 3, 3)
    torch.testing.assert_close(
        sharing({"inputs": x})["a"], functional.conv2d(x, changed, bias), rtol=1e-5, atol=1e-5
    )


def test_a_residual_network_keeps_its_shared_weights(recorder):
    sharing = LowRank().build(lambda: ConvNet((4, 8), n_channels=1).build(InputSpec()), ["a", "b"])
    outputs = sharing({"image": torch.randn(2, 1, 6, 6)})
    torch.testing.assert_close(outputs["a"], outputs["b"])


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="rank=0"):
        LowRank(0)
    with pytest.raises(InvalidArgumentError, match="scale=0"):
        LowRank(scale=0)
    with pytest.raises(InvalidArgumentError, match="no weight matrix or kernel"):
        LowRank(shared_stages=0).build(lambda: Wrap(nn.LayerNorm(3), widths=(3,)).build(InputSpec()), ["a"])
