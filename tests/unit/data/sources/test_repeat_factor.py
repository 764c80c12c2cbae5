from collections import Counter

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.data.sources import MixedOrder, RepeatFactor, RowSources


def slow_factors(labelled: np.ndarray, power: float, most: float) -> list[float]:
    """How often each row comes, row by row, by the defining equation."""
    n_rows = sum(any(row) for row in labelled)
    factors = []
    for row in labelled:
        of_tasks = [(n_rows / labelled[:, task].sum()) ** power for task in np.flatnonzero(row)]
        factors.append(min(most, max(of_tasks, default=1.0)))
    return factors


@pytest.mark.parametrize(("power", "most"), [(1.0, 4.0), (0.5, 100.0), (0.0, 4.0), (1.0, 1.0)])
@pytest.mark.parametrize("n_tasks", [1, 3, 40])
@pytest.mark.parametrize("n_rows", [1, 3, 200])
def test_every_row_comes_as_often_as_its_rarest_label_says(power, most, n_tasks, n_rows) -> None:
    draw = np.random.default_rng(n_rows + n_tasks)
    labelled = draw.random((n_rows, n_tasks)) < draw.uniform(0.02, 0.9, n_tasks)
    tasks = [f"task {k}" for k in range(n_tasks)]
    groups, rule = RepeatFactor(power, most).over(None, torch.from_numpy(labelled), tasks)
    sizes = {name: len(rows) for name, rows in groups.rows().items()}
    assert sum(sizes.values()) == n_rows
    shares = rule.shares(sizes)
    rule.require(groups.names)
    found = np.empty(n_rows)
    for name, rows in groups.rows().items():
        found[rows] = shares[name] / sizes[name]
    np.testing.assert_allclose(found, slow_factors(labelled, power, most))


def test_each_step_holds_rows_of_every_task_in_its_share() -> None:
    # Of 1,200 pictures all have a class, 300 boxes and 300 others a mask.
    labelled = torch.zeros(1200, 3, dtype=torch.bool)
    labelled[:, 0] = labelled[:300, 1] = labelled[300:600, 2] = True
    groups, rule = RepeatFactor().over(None, labelled, ["class", "boxes", "mask"])
    order = MixedOrder(groups, rule, batch_size=10)
    rows = order.rows(0)
    for first, last in order.bounds:
        step = labelled[rows[first:last]].sum(dim=0)
        assert step.tolist() == [10, 4, 4]
    # Every row comes within the passes that its share allows.
    seen = Counter(torch.cat([order.rows(epoch) for epoch in range(4)]).tolist())
    assert set(seen) == set(range(1200))
    assert max(seen.values()) - min(seen[row] for row in range(600)) <= 1


def test_labels_decide_whatever_the_sources_are() -> None:
    labelled = torch.tensor([[True, False], [True, False], [True, True]])
    sources = RowSources(("web", "shop"), torch.tensor([0, 1, 1]))
    for given in (None, sources):
        groups, _ = RepeatFactor().over(given, labelled, ["a", "b"])
        assert groups.names == ("a", "b")
        assert groups.numbers.tolist() == [0, 0, 1]


def test_rows_without_labels_are_a_group_of_their_own() -> None:
    labelled = torch.tensor([[True], [False], [False]])
    groups, rule = RepeatFactor().over(None, labelled, ["a"])
    assert groups.numbers.tolist() == [0, 1, 1]
    assert rule.shares(dict.fromkeys(groups.names, 1)) == {"a": 1.0, "": 2.0}


@pytest.mark.parametrize(
    "options",
    [{"power": -0.1}, {"power": 1.5}, {"power": float("nan")}, {"most": 0.5}, {"most": float("nan")}],
)
def test_what_is_out_of_range_is_refused(options) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"RepeatFactor\({next(iter(options))}="):
        RepeatFactor(**options)


def test_sizes_alone_say_nothing() -> None:
    with pytest.raises(InvalidArgumentError, match="RepeatFactor goes by the labels"):
        MixedOrder(RowSources(("a", "b"), torch.tensor([0, 1])), RepeatFactor())
