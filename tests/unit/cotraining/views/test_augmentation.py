import torch

from cotrain.cotraining.views._augmentation import Noise


def rows() -> dict[str, torch.Tensor]:
    return {
        "numbers": torch.tensor([[0.0, 5.0], [2.0, 5.0], [4.0, 5.0], [6.0, 5.0]]).repeat(100, 1),
        "categories": torch.arange(400)[:, None] + torch.tensor([1000, 2000]),
    }


def test_the_given_rows_stay_and_equal_draws_give_equal_noise():
    given = rows()
    noise = Noise(0.5, 0.3, given)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = noise(given)
        torch.manual_seed(0)
        second = noise(given)
    assert all(torch.equal(first[name], second[name]) for name in given)
    assert all(torch.equal(given[name], rows()[name]) for name in given)


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
