import pytest
import torch

from cotrain.cotraining._units import Units
from cotrain.tasks import EntryLabelling


def drawn(seed: int, n: int = 40) -> torch.Tensor:
    """Units of any entries, which need not follow one another."""
    numbers = torch.randint(0, 12, (n,), generator=torch.Generator().manual_seed(seed))
    return torch.unique(numbers, return_inverse=True)[1]


@pytest.mark.parametrize("seed", range(5))
def test_all_figures_are_those_of_a_loop_over_the_units(seed: int) -> None:
    of_entry, generator = drawn(seed), torch.Generator().manual_seed(seed)
    values, yes = torch.rand(40, 1, generator=generator), torch.rand(40, 1, generator=generator) > 0.3
    units = Units(of_entry)
    members = [[i for i in range(40) if of_entry[i] == u] for u in range(int(of_entry.max()) + 1)]
    assert units.least(values).flatten().tolist() == [min(float(values[i]) for i in own) for own in members]
    assert units.first(values).flatten().tolist() == [float(values[own[0]]) for own in members]
    assert units.all(yes).flatten().tolist() == [all(bool(yes[i]) for i in own) for own in members]
    spread = units.spread(units.least(values))
    assert all(float(spread[i]) == float(units.least(values)[of_entry[i]]) for i in range(40))


@pytest.mark.parametrize("seed", range(5))
def test_units_are_the_same_where_they_have_the_very_same_entries(seed: int) -> None:
    one, other = drawn(seed), drawn(seed + 100)
    other[:20] = one[:20]
    other = torch.unique(other, return_inverse=True)[1]
    sets = [{tuple(i for i in range(40) if of[i] == u) for u in of.unique()} for of in (one, other)]
    mine = [tuple(i for i in range(40) if one[i] == u) for u in range(int(one.max()) + 1)]
    assert Units(one).same(Units(other)).flatten().tolist() == [unit in sets[1] for unit in mine]


def test_without_units_every_entry_is_its_own_and_is_given_back() -> None:
    values = torch.rand(4, 3)
    units = Units.of(torch.zeros(4, 3, dtype=torch.int64), None, None)
    for given in (units.least(values), units.first(values), units.spread(values), units.all(values)):
        assert given is values


def test_no_entries_are_no_units() -> None:
    labelling = EntryLabelling(["a", "b"], lambda output: output)
    none = torch.zeros(0, 1, dtype=torch.int64)
    units = Units.of(none, labelling, torch.tensor([0, 0]))
    assert units.least(torch.zeros(0, 1)).shape == units.first(none).shape == (0, 1)
