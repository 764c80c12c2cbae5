from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Ragged, padded_inputs
from cotrain.cotraining import TextAugmentation

UNKNOWN = 1


def batch(lengths: list[int]) -> dict[str, torch.Tensor]:
    """Words whose numbers are all different, three characters each of which the last is padding."""
    n = sum(lengths)
    ends = torch.tensor([0, *torch.tensor(lengths).cumsum(0)])
    words = torch.arange(10, 10 + n)
    characters = torch.stack([words + 1000, words + 2000, torch.zeros_like(words)], dim=1).int()
    ragged = {"words:said": Ragged(words, ends), "characters:said": Ragged(characters, ends)}
    bag = torch.zeros(len(lengths), max([1, *lengths]), dtype=torch.int64)
    for row, length in enumerate(lengths):
        bag[row, :length] = torch.arange(2, 2 + length)
    return padded_inputs(ragged) | {"bag:title": bag, "numbers": torch.ones(len(lengths), 2)}


def changed(augmentation: TextAugmentation, inputs: dict[str, torch.Tensor], seed: int = 0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return augmentation(inputs)


LENGTHS = st.lists(st.integers(0, 7), min_size=1, max_size=5)
AUGMENTATIONS = st.builds(
    TextAugmentation,
    st.sampled_from([0.0, 0.3, 0.99]),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([0.0, 0.3, 0.99]),
    span=st.integers(1, 4),
)


@given(lengths=LENGTHS, augmentation=AUGMENTATIONS, seed=st.integers(0, 99))
def test_lengths_padding_and_what_is_no_text_stay_and_no_row_loses_all(lengths, augmentation, seed):
    given_ = batch(lengths)
    found = changed(augmentation, given_, seed)
    assert set(found) == set(given_)
    for name in ("words:said:lengths", "characters:said:lengths", "numbers"):
        assert torch.equal(found[name], given_[name])
    for row, length in enumerate(lengths):
        words, before = found["words:said"][row], given_["words:said"][row]
        assert not words[length:].any()
        assert not found["characters:said"][row, length:].any()
        assert bool((words[:length] != 0).all())
        kept = words[:length][words[:length] != UNKNOWN]
        assert len(kept) > 0 or not length
        assert set(kept.tolist()) <= set(before[:length].tolist())
        tokens = found["bag:title"][row]
        assert set(tokens.tolist()) <= {0, *given_["bag:title"][row].tolist()}
        assert bool(tokens.any()) == (length > 0)


@given(lengths=LENGTHS, augmentation=AUGMENTATIONS, seed=st.integers(0, 99))
def test_characters_go_and_become_unknown_with_their_word(lengths, augmentation, seed):
    found = changed(augmentation, batch(lengths), seed)
    for row, length in enumerate(lengths):
        for place in range(length):
            word = int(found["words:said"][row, place])
            letters = [UNKNOWN, UNKNOWN, 0] if word == UNKNOWN else [word + 1000, word + 2000, 0]
            assert found["characters:said"][row, place].tolist() == letters


@given(lengths=LENGTHS, swap=st.sampled_from([0.3, 1.0]), seed=st.integers(0, 99))
def test_words_change_places_with_a_neighbour_and_with_no_other(lengths, swap, seed):
    given_ = batch(lengths)
    found = changed(TextAugmentation(0.0, swap, 0.0), given_, seed)["words:said"]
    for row, length in enumerate(lengths):
        before, after = given_["words:said"][row].tolist(), found[row].tolist()
        place = 0
        while place < length:
            if after[place] == before[place]:
                place += 1
            else:
                assert after[place : place + 2] == before[place : place + 2][::-1]
                place += 2


def dropped_literally(lengths: list[int], augmentation: TextAugmentation, seed: int) -> list[list[bool]]:
    """Which words are dropped, place by place in plain Python, from the same draws."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        longest = max(1, *lengths)
        torch.randint(2, (len(lengths), 1))
        torch.rand(len(lengths), longest)  # what the order of the words takes
        alone, begins = torch.rand(2, len(lengths), longest).tolist()
    found = []
    for row, length in enumerate(lengths):
        here = []
        for place in range(length):
            spans = range(max(0, place - augmentation.span + 1), place + 1)
            within = any(begins[row][start] < augmentation.mask / augmentation.span for start in spans)
            here.append(within or alone[row][place] < augmentation.dropout)
        found.append(here)
    return found


@given(
    lengths=st.lists(st.integers(0, 9), min_size=2, max_size=4),
    seed=st.integers(0, 99),
    span=st.integers(1, 4),
)
def test_what_is_dropped_equals_the_literal_spans(lengths, seed, span):
    augmentation = TextAugmentation(0.2, 0.0, 0.4, span=span)
    found = changed(augmentation, batch(lengths), seed)["words:said"]
    for row, expected in enumerate(dropped_literally(lengths, augmentation, seed)):
        if not all(expected):  # else one is kept
            assert (found[row, : lengths[row]] == UNKNOWN).tolist() == expected


@pytest.mark.parametrize(
    ("augmentation", "least", "most"),
    [
        (TextAugmentation(0.3, 0.0, 0.0), 0.27, 0.33),
        (TextAugmentation(0.0, 0.0, 0.3), 0.23, 0.33),
        (TextAugmentation(0.0, 0.0, 0.0), 0.0, 0.0),
    ],
)
def test_about_the_share_that_is_asked_for_is_dropped(augmentation, least, most):
    found = changed(augmentation, batch([40] * 100))["words:said"]
    assert least <= float((found == UNKNOWN).float().mean()) <= most


def test_equal_draws_give_equal_texts_and_the_given_ones_stay():
    given_, augmentation = batch([4, 7, 1]), TextAugmentation(0.3, 0.5, 0.3)
    first, second = (changed(augmentation, given_, 5) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in given_)
    assert all(torch.equal(given_[name], tensor) for name, tensor in batch([4, 7, 1]).items())


def test_there_must_be_words_or_a_text_and_no_subwords():
    augmentation = TextAugmentation()
    augmentation.require_text(batch([2]))
    with pytest.raises(InvalidArgumentError, match="no column of words or text among the inputs"):
        augmentation.require_text({"numbers": torch.ones(1, 2)})
    with pytest.raises(InvalidArgumentError, match="column 'said' is read as the subwords"):
        augmentation.require_text({"pieces:said": torch.ones(1, 2, 2), "bag:title": torch.ones(1, 2)})


@pytest.mark.parametrize(
    ("name", "value"), [("dropout", 1.0), ("dropout", -0.1), ("swap", 1.1), ("mask", 1.0), ("span", 0)]
)
def test_options_out_of_range_are_refused(name, value):
    with pytest.raises(InvalidArgumentError, match=rf"TextAugmentation\({name}={value!r}\): expected"):
        TextAugmentation(**{name: value})
