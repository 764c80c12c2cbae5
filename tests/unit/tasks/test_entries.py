import torch

from cotrain.tasks._entries import of_length


def test_entries_are_padded_by_0_or_cut_along_their_positions():
    entries = torch.arange(1, 13).reshape(2, 3, 2)
    assert torch.equal(of_length(entries, torch.zeros(2, 2, 7)), entries[:, :2])
    longer = of_length(entries, torch.zeros(2, 5, 7))
    assert torch.equal(longer[:, :3], entries)
    assert (longer[:, 3:] == 0).all()
    assert of_length(entries > 0, torch.zeros(2, 5)).dtype == torch.bool


def test_entries_of_ragged_rows_stay_as_they_are():
    flat = torch.arange(4)
    assert of_length(flat, torch.zeros(4, 3)) is flat
