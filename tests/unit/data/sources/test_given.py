import pytest

from cotrain._base import InvalidArgumentError
from cotrain.data.sources import Given

SIZES = {"tags": 10, "reviews": 20}


def test_shares_are_in_the_order_of_the_sources() -> None:
    assert list(Given({"reviews": 1, "tags": 2}).shares(SIZES).items()) == [("tags", 2.0), ("reviews", 1.0)]


def test_sources_without_rows_need_no_share() -> None:
    given = Given({"tags": 1, "reviews": 2})
    given.require(list(SIZES))
    assert given.shares({"reviews": 20}) == {"reviews": 2.0}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "give a weight for each source"),
        ({"tags": 0.0, "reviews": 1.0}, "'tags' is 0.0"),
        ({"tags": float("nan"), "reviews": 1.0}, "'tags' is nan"),
        ({"tags": 1.0}, "no weight to the source 'reviews'"),
        ({"tags": 1.0, "reviews": 1.0, "reviws": 1.0}, "did you mean 'reviews'"),
    ],
)
def test_says_what_is_wrong(weights: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        Given(weights).require(list(SIZES))
