import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Ragged, padded_inputs
from cotrain.cotraining import TextAugmentation
from cotrain.cotraining.views._augmentation import Noise


def rows() -> dict[str, torch.Tensor]:
    return {
        "numbers": torch.tensor([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0], [6.0, 5.0]]).repeat(100, 1),
        "categories": torch.arange(400)[:, None] + torch.tensor([1000, 2000]),
    }


def test_the_given_rows_stay_and_equal_draws_give_equal_noise():
    before = rows()
    noise = Noise(0.5, 0.3, before)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = noise(before)
        torch.manual_seed(0)
        second = noise(before)
    assert all(torch.equal(first[name], second[name]) for name in before)
    assert all(torch.equal(before[name], rows()[name]) for name in before)


def test_a_swapped_entry_has_a_value_of_its_own_column():
    changed = Noise(0.0, 0.3, rows())(rows())["categories"]
    assert changed.dtype == torch.int64
    assert bool(((changed[:, 0] >= 1000) & (changed[:, 0] < 1400)).all())
    assert bool((changed[:, 1] >= 2000).all())
    share = float((changed != rows()["categories"]).float().mean())
    assert 0.2 < share < 0.4


def test_a_constant_column_gets_no_noise_and_the_others_in_their_own_unit():
    moved = Noise(0.5, 0.0, rows())(rows())["numbers"] - rows()["numbers"]
    assert bool((moved[:, 1] == 0).all())
    assert 0.4 < float(moved[:, 0].std()) / float(rows()["numbers"][:, 0].std()) < 0.6


def test_no_noise_changes_nothing():
    assert all(torch.equal(x, rows()[name]) for name, x in Noise(0.0, 0.0, rows())(rows()).items())


def test_pixels_stay_in_their_picture():
    rows = {"photo": torch.arange(4 * 3 * 5 * 5).reshape(4, 3, 5, 5), "numbers": torch.rand(4, 2)}
    assert torch.equal(Noise(0.0, 0.5, rows)(rows)["photo"], rows["photo"])


def ragged(lengths: list[int]) -> dict[str, torch.Tensor]:
    """Words of all rows different, with two characters each, subwords with their places, frames."""
    ends = torch.tensor([0, *torch.tensor(lengths).cumsum(0)])
    words = torch.arange(10, 10 + sum(lengths))
    place = torch.cat([torch.arange(length) for length in lengths])
    return padded_inputs(
        {
            "words:said": Ragged(words, ends),
            "characters:said": Ragged(torch.stack([words + 1000, words + 2000], dim=1).int(), ends),
            "pieces:film": Ragged(torch.stack([words, place], dim=1).int(), ends),
            "frames": Ragged(torch.stack([words, words], dim=1).float(), ends),
            "sound:voice": Ragged(words.float(), ends),
        }
    )


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_entries_of_rows_of_different_length_are_exchanged_whole_and_no_padding(lengths, seed):
    rows = ragged(lengths)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = Noise(0.0, 0.5, rows)(rows)
    for name, tensor in rows.items():
        if name.endswith(":lengths") or name in ("sound:voice",):
            assert torch.equal(found[name], tensor)
    every = set(range(10, 10 + sum(lengths)))
    for row, length in enumerate(lengths):
        words = found["words:said"][row]
        assert not words[length:].any()
        assert set(words[:length].tolist()) <= every
        letters = torch.stack([words + 1000, words + 2000], dim=1)[:length]
        assert torch.equal(found["characters:said"][row, :length].long(), letters)
        assert found["pieces:film"][row, :length, 1].tolist() == list(range(length))
        assert set(found["pieces:film"][row, :length, 0].tolist()) <= every
        frames = found["frames"][row]
        assert torch.equal(frames[:, 0], frames[:, 1])
        assert not frames[length:].any()


def test_words_do_come_from_other_rows():
    rows = ragged([5] * 40)
    changed = Noise(0.0, 0.5, rows)(rows)["words:said"] != rows["words:said"]
    assert 0.35 < float(changed.float().mean()) < 0.6


def test_numbers_of_rows_of_different_length_get_noise_and_their_padding_none():
    rows = ragged([3, 1])
    moved = Noise(0.5, 0.0, rows)(rows)["frames"] - rows["frames"]
    assert bool((moved[0] != 0).all())
    assert bool((moved[1, 0] != 0).all())
    assert not moved[1, 1:].any()


def test_texts_are_augmented_before():
    rows = ragged([5, 3])
    del rows["pieces:film"], rows["pieces:film:lengths"]
    changed = Noise(0.0, 0.0, rows, TextAugmentation(0.99, mask=0.0))(rows)["words:said"]
    assert 1 < int((changed == 1).sum()) < 8
    with pytest.raises(InvalidArgumentError, match="no column of words"):
        Noise(0.0, 0.0, {"numbers": torch.ones(2, 2)}, TextAugmentation())
