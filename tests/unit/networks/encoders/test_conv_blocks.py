import torch
from torch import nn

from cotrain.networks.encoders._conv_blocks import ConvBlock, conv_stages


def test_a_block_adds_to_what_it_reads_where_sizes_stay():
    block, x = ConvBlock(4, 4, stride=1), torch.randn(2, 4, 6, 6)
    assert isinstance(block.shortcut, nn.Identity)
    nn.init.zeros_(block.second_norm.weight)
    nn.init.zeros_(block.second_norm.bias)
    torch.testing.assert_close(block(x), torch.nn.functional.silu(x))


def test_a_row_does_not_see_the_other_rows():
    block, x = ConvBlock(3, 8, stride=2), torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(block(x)[2:3], block(x[2:3]), rtol=1e-4, atol=1e-5)


def test_every_stage_but_the_first_halves_the_map():
    stages = conv_stages(3, (4, 8, 8), blocks=2)
    x, shapes = torch.randn(2, 3, 16, 16), []
    for stage in stages:
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(4, 16, 16), (8, 8, 8), (8, 4, 4)]
    assert [sum(isinstance(layer, ConvBlock) for layer in stage) for stage in stages] == [2, 2, 2]
