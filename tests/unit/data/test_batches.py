import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Ragged
from cotrain.data import Batches


def tensors(n: int) -> dict[str, object]:
    row = torch.arange(n)
    return {
        "inputs": {
            "numbers": row[:, None] + torch.tensor([0.0, 0.5]),
            "categories": row[:, None].repeat(1, 3),
            "bag:t": row[:, None].repeat(1, 4),
            "image": row[:, None, None].repeat(1, 2, 2).float(),
        },
        "targets": {"a": row[:, None].float(), "b.c": row[:, None] * 2},
        "masks": {"a": row[:, None] % 2 == 0, "b.c": row[:, None] % 3 == 0},
        "row": row,
    }


def check_batch(batch: dict) -> None:
    row = batch["row"]
    assert torch.equal(batch["inputs"]["numbers"], row[:, None] + torch.tensor([0.0, 0.5]))
    assert torch.equal(batch["inputs"]["categories"], row[:, None].repeat(1, 3))
    assert torch.equal(batch["inputs"]["bag:t"], row[:, None].repeat(1, 4))
    assert torch.equal(batch["inputs"]["image"], row[:, None, None].repeat(1, 2, 2).float())
    assert torch.equal(batch["targets"]["a"], row[:, None].float())
    assert torch.equal(batch["targets"]["b.c"], row[:, None] * 2)
    assert torch.equal(batch["masks"]["a"], row[:, None] % 2 == 0)
    assert torch.equal(batch["masks"]["b.c"], row[:, None] % 3 == 0)


@settings(max_examples=50)
@given(n=st.integers(1, 40), size=st.integers(1, 12), shuffle=st.booleans(), epoch=st.integers(0, 3))
def test_an_epoch_gives_every_row_once_with_all_that_belongs_to_it(
    n: int, size: int, shuffle: bool, epoch: int
) -> None:
    batches = Batches(tensors(n), batch_size=size, seed=1, shuffle=shuffle)
    given_rows = []
    for batch in batches.epoch(epoch):
        check_batch(batch)
        assert len(batch["row"]) <= size + 1
        assert len(batch["row"]) > 1 or n == 1 or size == 1
        given_rows += batch["row"].tolist()
    assert sorted(given_rows) == list(range(n))
    assert shuffle or given_rows == list(range(n))


@pytest.mark.parametrize("shuffle", [True, False])
def test_only_the_rows_asked_for(shuffle: bool) -> None:
    rows = np.array([9, 3, 5, 7])
    batches = Batches(tensors(10), rows, batch_size=3, shuffle=shuffle)
    assert (batches.n_rows, len(batches)) == (4, 1)
    (batch,) = batches
    check_batch(batch)
    assert sorted(batch["row"].tolist()) == [3, 5, 7, 9]
    assert shuffle or batch["row"].tolist() == [9, 3, 5, 7]


def test_an_epoch_can_start_in_the_middle() -> None:
    batches = Batches(tensors(23), batch_size=4, seed=5)
    whole = [batch["row"].tolist() for batch in batches.epoch(2)]
    again = Batches(tensors(23), batch_size=4, seed=5)
    for start in range(len(whole) + 1):
        assert [batch["row"].tolist() for batch in again.epoch(2, start)] == whole[start:]
    assert len(whole) == len(batches)


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    first, same, other = (Batches(tensors(50), batch_size=50, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.order(3), same.order(3))
    assert not torch.equal(first.order(3), first.order(4))
    assert not torch.equal(first.order(3), other.order(3))


def test_global_random_state_stays_as_it_is() -> None:
    before = torch.random.get_rng_state()
    list(Batches(tensors(10), batch_size=3))
    assert torch.equal(before, torch.random.get_rng_state())


def test_rows_in_their_own_order_are_not_copied() -> None:
    table = {"x": torch.zeros(10, 2), "y": torch.zeros(10, dtype=torch.int64)}
    batch = next(iter(Batches(table, batch_size=5, shuffle=False)))
    assert batch["x"].data_ptr() == table["x"].data_ptr()


def test_no_rows_give_no_batches() -> None:
    batches = Batches(tensors(5), np.zeros(0, dtype=np.int64))
    assert len(batches) == 0
    assert list(batches) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": torch.zeros(3), "b": {"c": torch.zeros(4)}}, "'b.c': 4"),
        ({}, "no tensors"),
        ({"a": [1, 2]}, "a must be a tensor"),
        ({"a": torch.zeros(3), "b": Ragged(torch.zeros(3), torch.tensor([0, 3]))}, "'b': 1"),
    ],
)
def test_refuses_what_is_no_table(table: dict, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Batches(table)


def test_refuses_a_batch_of_nothing() -> None:
    with pytest.raises(InvalidArgumentError, match="batch_size.*0"):
        Batches(tensors(3), batch_size=0)


@pytest.mark.parametrize("rows", [None, [4, 1, 3]])
@pytest.mark.parametrize("shuffle", [True, False])
def test_replaced_tensors_come_in_all_batches_and_the_given_ones_stay(rows, shuffle) -> None:
    x, row = torch.arange(6.0)[:, None], torch.arange(6)[:, None]
    given_tensors = {"x": x, "pair": {"a": x.clone(), "b": x.clone()}, "row": row}
    for names in ({"x": x + 10}, {"pair": {"b": x + 10}}, {"row": row + 10}):
        batches = Batches(given_tensors, rows, batch_size=2, shuffle=shuffle)
        batches.replace(names)
        seen = 0
        for batch in batches:
            assert torch.equal(batch["x"] % 10, batch["pair"]["b"] % 10)
            assert torch.equal(batch["x"] % 10, batch["row"] % 10)
            changed = {"x": batch["x"], "pair": batch["pair"]["b"], "row": batch["row"]}[next(iter(names))]
            assert bool((changed >= 10).all())
            assert bool((batch["pair"]["a"] < 10).all())
            seen += len(batch["x"])
        assert seen == (6 if rows is None else 3)
    assert torch.equal(x, torch.arange(6.0)[:, None])
    assert torch.equal(row[:, 0], torch.arange(6))


def ragged_tensors(lengths: list[int]) -> dict:
    """Rows whose entries say which row and place they are of, in leaves of two sets of lengths."""
    rows = [torch.tensor([[100 * i + j + 1] for j in range(n)]).reshape(n, 1) for i, n in enumerate(lengths)]
    entries = Ragged(
        torch.cat([*rows, torch.zeros(0, 1, dtype=torch.int64)]), torch.tensor([0, *lengths]).cumsum(0)
    )
    others = entries[torch.arange(len(lengths)).flip(0)]
    return {
        "inputs": {
            "words": entries.map(lambda values: values[:, 0].clone()),
            "letters": entries.map(lambda values: values.repeat(1, 3).to(torch.int32)),
            "other": others.map(lambda values: values[:, 0].float()),
        },
        "targets": {"tags": entries.map(lambda values: values[:, 0] * 2)},
        "masks": {"tags": entries.map(lambda values: values[:, 0] % 2 == 0)},
        "row": torch.arange(len(lengths)),
    }


def literal_batch(lengths: list[int], rows: list[int]) -> torch.Tensor:
    size = max([1, *(lengths[row] for row in rows)])
    padded = torch.zeros(len(rows), size, dtype=torch.int64)
    for place, row in enumerate(rows):
        for j in range(lengths[row]):
            padded[place, j] = 100 * row + j + 1
    return padded


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 6), st.booleans(), st.booleans())
def test_ragged_rows_come_padded_as_a_loop_would_pad_them(lengths, size, shuffle, chosen) -> None:
    table = ragged_tensors(lengths)
    rows = torch.arange(0, len(lengths), 2).flip(0) if chosen else None
    seen = []
    for batch in Batches(table, rows, batch_size=size, seed=1, shuffle=shuffle).epoch(1):
        of = batch["row"].tolist()
        want, inputs = literal_batch(lengths, of), batch["inputs"]
        assert torch.equal(inputs["words"], want)
        assert torch.equal(inputs["letters"], want[..., None].repeat(1, 1, 3).to(torch.int32))
        assert torch.equal(batch["targets"]["tags"], want * 2)
        assert torch.equal(batch["masks"]["tags"], (want > 0) & (want % 2 == 0))
        assert inputs["words:lengths"].tolist() == [lengths[row] for row in of]
        assert torch.equal(inputs["letters:lengths"], inputs["words:lengths"])
        mirrored = [len(lengths) - 1 - row for row in of]
        assert torch.equal(inputs["other"], literal_batch(lengths, mirrored).float())
        assert inputs["other:lengths"].tolist() == [lengths[row] for row in mirrored]
        # Only inputs bring their lengths: a task has as many targets as it has tasks' names.
        assert set(batch["targets"]) == set(batch["masks"]) == {"tags"}
        seen += of
    assert sorted(seen) == sorted(range(len(lengths)) if rows is None else rows.tolist())


def test_an_epoch_of_ragged_rows_can_start_in_the_middle() -> None:
    batches = Batches(ragged_tensors([3, 0, 1, 5, 2, 2, 4]), batch_size=2, seed=3)
    whole = [batch["inputs"]["words"] for batch in batches.epoch(1)]
    for start in range(len(whole) + 1):
        rest = [batch["inputs"]["words"] for batch in batches.epoch(1, start)]
        assert len(rest) == len(whole) - start
        assert all(torch.equal(a, b) for a, b in zip(rest, whole[start:], strict=True))


@pytest.mark.parametrize("rows", [None, [4, 1, 3]])
@pytest.mark.parametrize("shuffle", [True, False])
def test_replaced_ragged_targets_come_in_all_batches_and_the_given_ones_stay(rows, shuffle) -> None:
    table = ragged_tensors([2, 1, 3, 0, 4])
    before = table["targets"]["tags"].values.clone()
    batches = Batches(table, rows, batch_size=2, shuffle=shuffle)
    batches.replace(
        {
            "targets": {"tags": table["targets"]["tags"].map(lambda values: values + 1)},
            "masks": {"tags": table["masks"]["tags"].map(lambda values: (~values).float())},
        }
    )
    for batch in batches:
        words, mask = batch["inputs"]["words"], batch["masks"]["tags"]
        assert torch.equal(batch["targets"]["tags"], torch.where(words > 0, words * 2 + 1, 0))
        assert torch.equal(mask, ((words > 0) & (words % 2 == 1)).float())
    assert torch.equal(table["targets"]["tags"].values, before)


def test_a_wider_matrix_takes_the_place_of_one_that_lies_beside_others() -> None:
    given = {name: torch.arange(10).reshape(5, 2) + 10 * i for i, name in enumerate("abc")}
    batches = Batches({"x": given, "y": torch.rand(5, 1)}, batch_size=2, seed=1)
    for wide in (torch.arange(20).reshape(5, 4), torch.arange(5)[:, None]):
        batches.replace({"x": {"b": wide}})
        for number, batch in enumerate(batches.epoch(0)):
            first, last = batches.bounds[number]
            rows = batches.order(0)[first:last]
            assert torch.equal(batch["x"]["b"], wide[rows])
            assert torch.equal(batch["x"]["a"], given["a"][rows])
            assert torch.equal(batch["x"]["c"], given["c"][rows])
    assert given["b"].shape == (5, 2)
