import pytest

from cotrain._base import InvalidArgumentError
from cotrain.data.sources import Equal, Proportional, Temperature

SIZES = {"a": 1000, "b": 10, "c": 1}


def normed(shares: dict[str, float]) -> list[float]:
    return [share / sum(shares.values()) for share in shares.values()]


def test_from_proportional_to_equal() -> None:
    assert normed(Temperature(T=1).shares(SIZES)) == pytest.approx(normed(Proportional().shares(SIZES)))
    assert normed(Temperature(T=1e9).shares(SIZES)) == pytest.approx(normed(Equal().shares(SIZES)))


def test_shares_are_the_t_th_root_of_the_sizes() -> None:
    shares = Temperature(T=3).shares(SIZES)
    assert {source: share**3 for source, share in shares.items()} == pytest.approx(SIZES)


@pytest.mark.parametrize("T", [0.5, 0.0, -1.0, float("inf"), float("nan")])
def test_refuses_what_is_no_temperature(T: float) -> None:
    with pytest.raises(InvalidArgumentError, match="at least 1"):
        Temperature(T=T)
