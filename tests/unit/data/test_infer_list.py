import polars as pl
import pytest

from cotrain.data import infer_kind
from cotrain.data._infer_list import infer_list

SAID = [["the", "dog", "saw", "the", "cat"], ["it", "ran"], None, ["who", "knows", "who"]]
GENRES = [["Action", "Drama"], ["Drama"], ["War", "Drama"], []] * 9


@pytest.mark.parametrize(
    ("name", "lists", "kind", "why"),
    [
        ("x", SAID, "Words", "67 % of them repeat one"),
        ("tokens", SAID, "Words", "repeat one"),
        ("x", [["go", "!"], ["stay"], ["why", "?"]], "Words", "marks among them"),
        ("tokens", [["see", "it"], ["go", "home"]], "Words", "as the name says"),
        ("seen_words", [["see", "it"], ["go", "home"]], "Words", "as the name says"),
        ("x", [["see", "it"], ["go", "home"]], "Tags", "if in order, call them words"),
        ("x", GENRES, "Tags", "hardly any twice"),
        ("tags", [["a", "b", "a"], ["b"], ["a", "c"], ["c", "d"]], "Tags", "hardly any twice"),
        ("words", [["ant", "bee"], ["bee", "cow"]] * 20, "Tags", "sorted lists"),
        ("slots", [["O", "O", "B-artist", "O"]] * 3, "Words", "100 % of them repeat one"),
    ],
)
def test_words_in_order_and_sets_of_names_are_told_apart(name, lists, kind, why) -> None:
    series = pl.Series(name, lists, dtype=pl.List(pl.String))
    column, said = infer_list(series)
    assert (type(column).__name__, column.name) == (kind, name)
    assert why in said
    guess = infer_kind(series)
    assert (type(guess.column).__name__, guess.why) == (kind, said)
    if None not in lists and [] not in lists:
        spelled = pl.Series(name, [str(row).replace("'", '"') for row in lists])
        assert infer_kind(spelled).why == said or spelled.n_unique() == 1


def test_lists_of_nothing_are_left_out() -> None:
    for lists in ([[], None], [None, None]):
        guess = infer_kind(pl.Series("x", lists, dtype=pl.List(pl.String)))
        assert (guess.column, guess.why) == (None, "all lists are empty")
    assert type(infer_kind(pl.Series("x", [[1, 2], [2]])).column).__name__ == "Tags"
