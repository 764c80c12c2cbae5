import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import MTAN


def linear(layer, x):
    return x @ layer.weight.T + layer.bias


def test_equals_its_equations(recorder, close, count):
    sharing = MTAN(reduction=2).build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    p1 = recorder.layer(0, 1, recorder.x)
    p2 = recorder.layer(0, 2, p1)
    for k, task in enumerate(("a", "b")):
        first, second = sharing.masks[k]
        kept = torch.sigmoid(linear(first.outer, linear(first.inner, p1).clamp(min=0))) * p1
        read = torch.cat([p2, linear(second.transfer, kept).clamp(min=0)], dim=1)
        mask = torch.sigmoid(linear(second.outer, linear(second.inner, read).clamp(min=0)))
        close(outputs[task], mask * p2)
    # U and V of both stages, and F from the first to the second.
    masks = (6 * 3 + 3) + (3 * 6 + 6) + (6 * 4 + 4) + (8 * 2 + 2) + (2 * 4 + 4)
    assert count(sharing.task_parameters("a")) == masks
    assert count(sharing.shared_parameters()) == sum(recorder.sizes)


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="reduction=0"):
        MTAN(0)
