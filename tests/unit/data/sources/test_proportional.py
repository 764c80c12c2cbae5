from cotrain.data.sources import Proportional


def test_shares_are_the_sizes() -> None:
    assert Proportional().shares({"b": 3, "a": 9}) == {"b": 3.0, "a": 9.0}
