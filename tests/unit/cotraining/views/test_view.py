import pytest
import torch

from cotrain.cotraining import View, random_views


def test_hidden_places_are_blank_and_what_is_not_named_is_seen_whole():
    view = View({"numbers": torch.tensor([True, False])}, {"numbers": torch.tensor([0.0, 7.0])})
    shown = view({"numbers": torch.ones(3, 2), "other": torch.ones(3, 1)})
    assert shown["numbers"].tolist() == [[1.0, 7.0]] * 3
    assert torch.equal(shown["other"], torch.ones(3, 1))


@pytest.mark.parametrize("n_views", [2, 3])
def test_random_views_divide_all_columns_evenly(n_views):
    views = random_views({"numbers": (7,), "image": (2, 3)}, n_views, seed=1)
    for name, size in (("numbers", 7), ("image", 6)):
        seen = torch.stack([view.seen[name].flatten() for view in views]).int()
        assert torch.equal(seen.sum(dim=0), torch.ones(size, dtype=torch.int64))
        assert int(seen.sum(dim=1).max() - seen.sum(dim=1).min()) <= 1


def test_the_same_seed_gives_the_same_views():
    first, again = (random_views({"numbers": (9,)}, 2, seed=3) for _ in range(2))
    assert torch.equal(first[0].seen["numbers"], again[0].seen["numbers"])
