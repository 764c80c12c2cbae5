import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.data._missing import WORDS, Missing


def test_a_column_may_have_words_of_its_own() -> None:
    missing = Missing({"country": [], "*": ["-"], "n": [-999, "x"]})
    assert missing.of("country") == ()
    assert missing.of("n") == ("-999", "x")
    assert missing.of("city") == ("-",)
    assert Missing().of("city") == WORDS
    assert Missing({"country": []}).of("city") == WORDS
    assert sorted(missing.columns()) == ["country", "n"]
    assert Missing(missing.to_json()).to_json() == missing.to_json()


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
