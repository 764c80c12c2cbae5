import torch
from torch import nn

from cotrain.networks.sharing._encoder_split import EncoderSplit
from cotrain.networks.sharing._task_columns import TaskColumns


class Swap(nn.Module):
    """Gives every column what the other has found."""

    def forward(self, columns):
        return columns.flip(0)


def test_columns_with_units_that_change_nothing_are_encoders_of_their_own(recorder, close):
    columns = TaskColumns(EncoderSplit("owner", recorder, 1), 2)
    found = columns(recorder.inputs, nn.ModuleList(nn.Identity() for _ in range(2)))
    assert len(found) == 2
    close(found[-1], torch.stack([recorder.whole(i, recorder.x) for i in range(2)]))


def test_a_unit_stands_after_every_stage(recorder, close):
    columns = TaskColumns(EncoderSplit("owner", recorder, 1), 2)
    found = columns(recorder.inputs, nn.ModuleList([Swap(), nn.Identity()]))
    first = [recorder.layer(1, 1, recorder.x), recorder.layer(0, 1, recorder.x)]
    close(found[0], torch.stack(first))
    close(found[1], torch.stack([recorder.layer(i, 2, hidden) for i, hidden in enumerate(first)]))


def test_without_shared_stages_the_first_ones_read_the_inputs_themselves(recorder, close):
    columns = TaskColumns(EncoderSplit("owner", recorder, 0), 2)
    found = columns(recorder.inputs, nn.ModuleList(nn.Identity() for _ in range(3)))
    assert len(found) == 3
    close(found[-1], torch.stack([recorder.whole(i, recorder.x) for i in range(2)]))
