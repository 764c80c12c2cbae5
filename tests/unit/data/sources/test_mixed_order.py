import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.data.sources import Equal, Given, MixedOrder, Mixing, Proportional, RowSources, Temperature

RULES = [Proportional(), Equal(), Temperature(T=3)]


def order_of(sizes: list[int], mixing: Mixing, batch_size: int, seed: int = 0) -> MixedOrder:
    sources = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    # In no order, as rows of a hand-made table are.
    sources = sources[torch.randperm(len(sources), generator=torch.Generator().manual_seed(1))]
    names = tuple(f"s{i}" for i in range(len(sizes)))
    return MixedOrder(RowSources(names, sources), mixing, batch_size, seed)


@settings(max_examples=300, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 400), min_size=2, max_size=7),
    batch_size=st.integers(1, 64),
    rule=st.sampled_from(RULES),
)
def test_every_step_holds_every_source_and_no_source_strays_from_its_share(
    sizes: list[int], batch_size: int, rule: Mixing
) -> None:
    order = order_of(sizes, rule, batch_size)
    steps = np.array([end - first for first, end in order.bounds])
    assert steps.sum() == sum(sizes)
    assert steps.max() - steps.min() <= 1
    assert steps.max() <= batch_size
    assert (order.counts.sum(axis=1) == steps).all()
    assert (order.counts >= 0).all()
    assert order.counts.sum(axis=0).tolist() == list(order.per_epoch.values())
    if steps.min() >= len(sizes):
        assert (order.counts >= 1).all()
    done = np.cumsum(steps)
    for s, total in enumerate(order.per_epoch.values()):
        # In units of 1 / N rows, which are whole numbers.
        astray = sum(sizes) * np.cumsum(order.counts[:, s]) - total * done
        assert np.abs(astray).max() < sum(sizes), s


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 120), min_size=2, max_size=2),
    batch_size=st.integers(2, 40),
    rule=st.sampled_from(RULES),
)
def test_of_two_sources_no_stretch_of_steps_strays_by_more_than_a_row(
    sizes: list[int], batch_size: int, rule: Mixing
) -> None:
    order = order_of(sizes, rule, batch_size)
    steps = np.cumsum([0] + [end - first for first, end in order.bounds])
    for s, total in enumerate(order.per_epoch.values()):
        given_rows = np.concatenate([[0], np.cumsum(order.counts[:, s])])
        astray = sum(sizes) * given_rows - total * steps
        assert astray.max() - astray.min() <= sum(sizes)


def test_of_sizes_100_to_1_the_small_source_gets_its_share_and_is_in_every_step() -> None:
    order = order_of([10_000, 100], Proportional(), 256)
    assert order.per_epoch == {"s0": 10_000, "s1": 100}
    assert set(order.counts[:, 1].tolist()) == {2, 3}
    scarce = order_of([10_000, 100], Proportional(), 32)
    # Its share would be a third of a row: one a step is the least.
    assert set(scarce.counts[:, 1].tolist()) == {1}


@pytest.mark.parametrize("rule", RULES)
def test_sources_go_through_permutations_of_their_own_from_epoch_to_epoch(rule: Mixing) -> None:
    sizes = [53, 7, 20]
    order = order_of(sizes, rule, 9, seed=4)
    rows = torch.cat([order.rows(epoch) for epoch in range(12)])
    for own in order._rows_of.values():
        stream = rows[torch.isin(rows, own)]
        for start in range(0, len(stream) - len(own) + 1, len(own)):
            assert sorted(stream[start : start + len(own)].tolist()) == own.tolist()


def test_in_proportion_an_epoch_shows_every_row_once() -> None:
    order = order_of([53, 17, 20], Proportional(), 9)
    for epoch in range(3):
        assert sorted(order.rows(epoch).tolist()) == list(range(90))
    assert order.rows(0).tolist() != order.rows(1).tolist()


def test_a_step_is_a_function_of_seed_epoch_and_step() -> None:
    first, again = (order_of([40, 9], Equal(), 7, seed=3) for _ in range(2))
    assert first.rows(5).tolist() == again.rows(5).tolist()
    assert first.rows(5).tolist() != order_of([40, 9], Equal(), 7, seed=2).rows(5).tolist()


def test_rows_come_step_by_step_in_the_counts_of_the_step() -> None:
    order = order_of([30, 8, 3], Temperature(T=2), 6)
    rows = order.rows(2)
    for (first, end), counts in zip(order.bounds, order.counts, strict=True):
        found = [int(torch.isin(rows[first:end], own).sum()) for own in order._rows_of.values()]
        assert found == counts.tolist()


def test_given_weights_are_the_shares() -> None:
    order = order_of([90, 10], Given({"s0": 1, "s1": 1}), 10)
    assert order.counts.tolist() == [[5, 5]] * 10


def test_a_source_without_rows_is_left_out() -> None:
    order = MixedOrder(RowSources(("a", "b", "c"), torch.tensor([0, 2, 0, 2])), Proportional(), 2)
    assert order.per_epoch == {"a": 2, "c": 2}
    with pytest.raises(InvalidArgumentError, match="no weight to the source 'b'"):
        MixedOrder(RowSources(("a", "b"), torch.tensor([0, 0])), Given({"a": 1}), 2)


@pytest.mark.parametrize("sizes", [[1, 1], [3, 1, 1], [1, 1, 1, 1, 1]])
def test_fewer_places_than_sources(sizes: list[int]) -> None:
    order = order_of(sizes, Equal(), 2)
    assert order.counts.sum() == sum(sizes)
    assert len(order.rows(0)) == sum(sizes)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_source_of_next_to_no_share_comes_once_an_epoch_where_steps_hold_fewer_rows_than_sources(
    batch: int,
) -> None:
    order = order_of([12, 2, 3, 1], Given({"s0": 1, "s1": 1, "s2": 1, "s3": 1e-6}), batch)
    assert min(order.per_epoch.values()) == 1
    source_of = torch.cat([torch.full((len(rows),), s) for s, rows in enumerate(order._rows_of.values())])
    places = torch.argsort(torch.cat(list(order._rows_of.values())))
    for epoch in range(4):
        assert set(source_of[places][order.rows(epoch)].tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("batch_size", [7, 8, 9])
@pytest.mark.parametrize("temperature", [1, 1.5, 2, 2.5, 3])
def test_a_row_of_each_source_in_every_step_leaves_room_for_what_is_due(batch_size, temperature):
    """With steps of 6 and 7 rows and 6 sources the due rows and the least ones were more than a step has."""
    sizes = [60, 60, 60, 1, 200, 5]
    sources = RowSources(tuple("abcdef"), torch.arange(6).repeat_interleave(torch.tensor(sizes)))
    order = MixedOrder(sources, Temperature(temperature), batch_size=batch_size)
    counts, ends = order.counts, np.array([end for _, end in order.bounds])
    assert counts.sum(axis=1).tolist() == [end - first for first, end in order.bounds]
    assert counts.sum(axis=0).tolist() == list(order.per_epoch.values())
    assert counts.min() == 1
    even = np.outer(ends, list(order.per_epoch.values())) / ends[-1]
    assert np.abs(np.cumsum(counts, axis=0) - even).max() < 2
