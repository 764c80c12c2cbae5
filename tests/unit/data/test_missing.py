import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data._missing import WORDS, Missing


def test_a_column_may_have_words_of_its_own() -> None:
    missing = Missing({"country": [], "*": ["-"], "n": [-999, "x"]})
    assert missing.of("country") == ()
    assert missing.of("n") == ("-999", "x")
    assert missing.of("city") == ("-",)
    assert Missing().of("city") == WORDS
    assert Missing({"country": []}).of("city") == WORDS
    assert Missing(missing.to_json()).to_json() == missing.to_json()


def test_words_for_a_column_that_there_is_not_are_refused() -> None:
    missing = Missing({"country": [], "*": ["-"]})
    missing.require(["city", "country"])
    with pytest.raises(
        DataError, match="gives words for 'country', which is no column; did you mean 'county'"
    ):
        missing.require(["county", "n"])


def test_columns_of_text_and_numbers_are_blanked_and_lists_are_not() -> None:
    frame = pl.DataFrame({"a": ["x", "-1"], "b": [-1, 2], "c": [0.5, -1.0], "d": [["-1"], ["x"]]})
    given = {"a": ["x", None], "b": [None, 2], "c": [0.5, None], "d": [["-1"], ["x"]]}
    assert Missing([-1]).blanked(frame).to_dict(as_series=False) == given


@settings(max_examples=50, deadline=None)
@given(
    cells=st.lists(st.none() | st.sampled_from(["NA", " NA ", "", " ", "x", "na", "?"])),
    words=st.lists(st.sampled_from(["NA", "?", "x"])),
)
def test_exactly_the_words_and_the_blanks_are_taken_out(cells: list, words: list) -> None:
    text, counts = Missing(words).blank_text(pl.Series("a", cells, dtype=pl.String))
    stripped = [None if cell is None else cell.strip() for cell in cells]
    assert text.to_list() == [cell if cell and cell not in words else None for cell in stripped]
    assert counts == {word: stripped.count(word) for word in words if word in stripped}


def test_a_number_is_taken_out_by_value() -> None:
    for numbers in (pl.Series("a", [-999, 1, None]), pl.Series("a", [-999.0, 1.0, None])):
        left, counts = Missing(["-999.0", "x", "nan"]).blank_numbers(numbers)
        assert left.to_list() == [None, 1, None]
        assert counts == {"-999.0": 1}


@pytest.mark.parametrize("words", ["NA", {"a": "NA"}, [True], [None], {"a": 3}], ids=str)
def test_refuses_what_is_no_list_of_words(words: object) -> None:
    with pytest.raises(InvalidArgumentError, match="missing"):
        Missing(words)  # type: ignore[arg-type]
