import numpy as np

from cotrain.data._stratify import assign_units


def test_shares_out_every_property_of_many_labels() -> None:
    rng = np.random.default_rng(0)
    n, shares = 4000, [0.7, 0.1, 0.2]
    has = rng.random((n, 25)) < np.geomspace(0.005, 0.5, 25)
    units, properties = np.nonzero(np.concatenate([np.ones((n, 1), dtype=bool), has], axis=1))
    part = assign_units(units, properties, n, shares, generator=np.random.default_rng(1))
    for place in range(25):
        given = np.bincount(part[has[:, place]], minlength=3)
        np.testing.assert_allclose(given, np.array(shares) * has[:, place].sum(), atol=4)


def test_a_part_with_no_share_gets_nothing() -> None:
    units = np.arange(50)
    part = assign_units(
        units, np.zeros(50, dtype=np.int64), 50, [0.8, 0.2, 0.0], generator=np.random.default_rng(0)
    )
    assert np.bincount(part, minlength=3).tolist() == [40, 10, 0]


def test_groups_of_uneven_size_keep_the_shares() -> None:
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(300), rng.integers(1, 30, 300))
    part = assign_units(units, np.zeros_like(units), 300, [0.7, 0.1, 0.2], generator=np.random.default_rng(1))
    shares = np.bincount(part[units]) / len(units)
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.002)
