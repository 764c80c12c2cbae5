import pytest

from cotrain._base import mix_seed, numpy_generator


def test_the_same_in_every_process_and_version():
    # A resumed run asks for its streams by name: these numbers must never change.
    assert mix_seed(0, "epoch", 3) == mix_seed(0, "epoch", 3)
    assert [mix_seed(0), mix_seed(0, "epoch", 3)] == [3581690635855307741, 4808010302309085665]


def test_the_type_and_the_place_of_a_part_matter():
    seeds = {mix_seed(1, 2), mix_seed(2, 1), mix_seed("1", 2), mix_seed(12), mix_seed("12"), mix_seed(1, "2")}
    assert len(seeds) == 6


@pytest.mark.parametrize("parts", [(0,), (2**62, "x"), (-1,)])
def test_seeds_fit_torch_and_numpy(parts):
    assert 0 <= mix_seed(*parts) < 2**63
    assert numpy_generator(*parts).random() == numpy_generator(*parts).random()
