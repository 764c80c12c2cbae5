import copy

import pytest
import torch

from cotrain.networks import MLP, DSelectK, InputSpec, MMoE, Sluice
from cotrain.networks.sharing._last_value import LastValue


def test_a_copy_starts_empty():
    held = LastValue()
    held.value = torch.ones(1, requires_grad=True) * 2  # in the middle of a graph: torch refuses to copy it
    assert float(copy.deepcopy(held).value) == 0


@pytest.mark.parametrize("sharing", [MMoE(2), DSelectK(2, 1), Sluice(orthogonality=0.1)])
def test_export_in_training_mode_meets_no_side_effects(sharing):
    sharing = copy.deepcopy(sharing).build(lambda: MLP((4,), n_inputs=3).build(InputSpec()), ["a", "b"])
    inputs = ({"inputs": torch.randn(5, 3)},)
    program = torch.export.export(sharing, inputs, strict=False)
    assert not program.graph_signature.buffers_to_mutate
    assert sharing.health().records == []
    torch.testing.assert_close(program.module()(*inputs)["a"], sharing(*inputs)["a"])
