from __future__ import annotations

import torch
from torch import nn

from cotrain.gradients._process_group import all_true, is_ddp, world_size


def test_one_process_is_a_group_of_one():
    assert world_size() == 1
    assert all_true(torch.tensor([True, False])).tolist() == [True, False]
    assert not is_ddp(nn.Linear(1, 1))
    assert not is_ddp(None)
