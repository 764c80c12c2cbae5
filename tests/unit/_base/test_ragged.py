from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Leaf, PaddedPlaces, Ragged, padded_inputs

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.int16, torch.uint8, torch.bool]
SHAPES = [(), (3,), (2, 2)]
CASES = [[2, 0, 3, 1], [0, 0, 4], [1], [0], [], [5, 5, 5], [0, 0]]


def made(lengths, dtype=torch.float32, shape=()):
    """Rows of these lengths, of which none is zero throughout."""
    generator = torch.Generator().manual_seed(sum(lengths) + len(lengths))
    return [torch.randint(0, 9, (n, *shape), generator=generator).to(dtype) for n in lengths]


def literal_padded(rows, fill, length, like):
    """Padding by a loop over rows and entries."""
    padded = torch.full((len(rows), length, *like.shape[1:]), fill, dtype=like.dtype)
    for i, row in enumerate(rows):
        for j in range(min(len(row), length)):
            padded[i, j] = row[j]
    return padded


def of(rows, dtype, shape):
    """The rows as ragged ones; the type is known where there are none, too."""
    offsets = torch.tensor([0, *[len(row) for row in rows]]).cumsum(0)
    values = torch.cat([torch.zeros(0, *shape, dtype=dtype), *rows])
    return Ragged(values, offsets)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("lengths", CASES, ids=str)
def test_padding_and_choosing_rows_equal_a_loop(lengths, shape, dtype):
    rows = made(lengths, dtype, shape)
    ragged = of(rows, dtype, shape)
    assert len(ragged) == len(rows)
    assert ragged.lengths.tolist() == lengths
    assert (ragged.dtype, ragged.is_floating_point()) == (dtype, dtype.is_floating_point)
    longest = max(lengths, default=0)
    for fill, length in ((0, None), (1, None), (0, 2), (0, longest + 3), (0, 0)):
        want = literal_padded(rows, fill, longest if length is None else length, ragged.values)
        got = ragged.padded(fill, length)
        assert got.dtype == dtype
        assert torch.equal(got, want)
    assert torch.equal(Ragged.from_padded(ragged.padded(), ragged.lengths).values, ragged.values)
    assert all(torch.equal(a, b) for a, b in zip(ragged, rows, strict=True))
    flags = [bool((row != 0).any()) for row in rows]
    assert ragged.any().tolist() == flags
    assert ragged.row_of_entry.tolist() == [i for i, n in enumerate(lengths) for _ in range(n)]


@given(st.lists(st.integers(0, 4), max_size=7), st.data())
def test_any_choice_of_rows_equals_the_list_of_them(lengths, data):
    rows = made(lengths)
    ragged = of(rows, torch.float32, ())
    n = len(rows)
    chosen = data.draw(st.lists(st.integers(-n, n - 1), max_size=9)) if n else []
    index = torch.tensor(chosen, dtype=torch.int64)
    assert [row.tolist() for row in ragged[index]] == [rows[i].tolist() for i in chosen]
    flags = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    kept = [row.tolist() for row, flag in zip(rows, flags, strict=True) if flag]
    assert [row.tolist() for row in ragged[torch.tensor(flags, dtype=torch.bool)]] == kept
    cut = slice(
        data.draw(st.none() | st.integers(-8, 8)),
        data.draw(st.none() | st.integers(-8, 8)),
        data.draw(st.none() | st.integers(1, 3)),
    )
    assert [row.tolist() for row in ragged[cut]] == [row.tolist() for row in rows[cut]]
    first = data.draw(st.integers(0, n))
    joined = Ragged.cat([ragged[:first], ragged[first:]])
    assert torch.equal(joined.values, ragged.values)
    assert torch.equal(joined.offsets, ragged.offsets)


def test_a_slice_copies_no_values():
    ragged = Ragged.from_rows(made([3, 2, 4]))
    part = ragged[1:]
    assert part.values.untyped_storage().data_ptr() == ragged.values.untyped_storage().data_ptr()
    assert part.offsets.tolist() == [0, 2, 6]


def test_rows_of_a_list_are_kept_and_none_are_no_rows():
    rows = made([2, 0, 1], torch.int64, (2,))
    assert torch.equal(Ragged.from_rows(rows).values, torch.cat(rows))
    assert len(Ragged.from_rows([])) == 0
    doubled = Ragged.from_rows(rows).map(lambda values: 2 * values)
    assert torch.equal(doubled.values, 2 * torch.cat(rows))
    assert "3 rows" in repr(doubled)
    moved: Leaf = doubled.to("cpu").cpu()
    assert len(moved) == 3


@pytest.mark.parametrize("lengths", CASES, ids=str)
def test_inputs_are_padded_with_their_lengths_beside_them_and_have_a_position_at_least(lengths):
    rows = made(lengths, torch.int64)
    table = torch.zeros(len(lengths), 2)
    found = padded_inputs({"numbers": table, "words": of(rows, torch.int64, ())})
    assert list(found) == ["numbers", "words", "words:lengths"]
    assert found["numbers"] is table
    assert found["words:lengths"].tolist() == lengths
    size = max([1, *lengths])
    assert torch.equal(found["words"], literal_padded(rows, 0, size, torch.zeros(0, dtype=torch.int64)))


def test_several_leaves_of_one_set_of_lengths_share_their_places():
    ragged = Ragged.from_rows(made([2, 3, 1]))
    places = PaddedPlaces(ragged.offsets[:-1], ragged.lengths, 3)
    assert torch.equal(places.of(ragged.values), ragged.padded())
    assert torch.equal(places.of(-ragged.values, 7), ragged.map(torch.neg).padded(7))


def test_gradients_reach_the_entries_and_no_others():
    values = torch.ones(3, requires_grad=True)
    ragged = Ragged(values, torch.tensor([0, 1, 3]))
    (ragged.padded() * torch.tensor([[1.0, 5.0], [2.0, 3.0]])).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda: Ragged(torch.zeros(3), torch.tensor([0, 2])), "rise from 0 to 3"),
        (lambda: Ragged(torch.zeros(3), torch.tensor([1, 3])), "rise from 0 to 3"),
        (lambda: Ragged(torch.zeros(3), torch.tensor([0, 4, 3])), "rise from 0 to 3"),
        (lambda: Ragged(torch.zeros(3), torch.tensor([0.0, 3.0])), "int64 offsets"),
        (lambda: Ragged(torch.zeros(0), torch.zeros(0, dtype=torch.int64)), "int64 offsets"),
        (lambda: Ragged(torch.tensor(3.0), torch.tensor([0])), "int64 offsets"),
        (lambda: Ragged.from_rows([torch.zeros(2), torch.zeros(2, 1)]), "Row 1 is"),
        (lambda: Ragged.from_rows([torch.zeros(2), torch.zeros(2).long()]), "Row 1 is"),
        (lambda: Ragged.from_padded(torch.zeros(2, 3), torch.tensor([1])), "lengths"),
        (lambda: Ragged.cat([]), "at least one"),
        (lambda: Ragged.from_rows([torch.zeros(2)]).index_select(1, torch.tensor([0])), "axis 0"),
        (lambda: Ragged.from_rows([torch.zeros(2)])["a"], "slice or a tensor"),
    ],
)
def test_what_cannot_be_ragged_rows_is_refused_in_a_sentence(bad, words):
    with pytest.raises(InvalidArgumentError, match=words) as error:
        bad()
    assert "\n" not in str(error.value)


def test_the_base_layer_stays_free_of_torch():
    code = "import sys, cotrain._base; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
