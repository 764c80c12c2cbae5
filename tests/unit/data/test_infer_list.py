import json

import polars as pl
import pytest

from cotrain.data import Schema, infer_kind
from cotrain.data._infer_list import annotation_columns, infer_list

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


FORMS = [
    ["the", "dogs", "ran"],
    ["stop", "!"],
    None,
    ["who", "saw", "the", "dog", "?"],
    ["a", "b"],
    ["c"],
    [],
]
TREE = pl.DataFrame(
    {
        "lemma": [None if row is None else [word.rstrip("s") for word in row] for row in FORMS],
        "form": FORMS,
        "head": [None if row is None else list(range(len(row))) for row in FORMS],
        "pos": [None if row is None else ["X"] * len(row) for row in FORMS],
        "genres": [["war"], ["war", "drama"], ["drama"], [], ["war"], ["drama", "war"], None],
    }
)


def test_what_stands_beside_every_word_is_a_label_of_it_and_no_input() -> None:
    spelled = TREE.with_columns(
        pl.Series(name, [None if v is None else json.dumps(v) for v in TREE[name].to_list()])
        for name in ("form", "head", "pos")
    )
    for frame in (TREE, spelled):
        assert annotation_columns(frame, frame.columns) == {"lemma": "form", "head": "form", "pos": "form"}
        schema = Schema.infer(frame)
        notes = {note.column: note for note in schema.describe()}
        assert [column.name for column in schema.columns] == ["form", "genres"]
        assert notes["pos"].kind == "drop"
        assert "a value for each word of 'form'" in notes["pos"].why
        # A target is looked at by nobody, and the user has the last word.
        assert annotation_columns(frame, ["lemma", "pos"]) == {"pos": "lemma"}
        own = Schema.infer(frame, ["form"], {"pos": "words"})
        assert {column.name for column in own.columns} == {"lemma", "pos", "genres"}


def test_lists_of_equal_lengths_by_chance_stay_inputs() -> None:
    frame = pl.DataFrame({"a": [["x"], ["y"], ["z"]] * 9, "b": [["u"], ["v"], ["w"]] * 9})
    assert annotation_columns(frame, frame.columns) == {}
    few = pl.DataFrame({"a": [["x"], ["y", "z"]], "b": [["u"], ["v", "w"]]})
    assert annotation_columns(few, few.columns) == {}
    other = TREE.with_columns(pl.Series("pos", [["X"], ["X"], None, ["X", "Y"], [], [], []]))
    assert "pos" not in annotation_columns(other, other.columns)
    assert annotation_columns(pl.DataFrame({"a": ["[x]"], "b": [1]}), ["a", "b"]) == {}


def test_lists_with_a_target_for_each_entry_are_words() -> None:
    said = [["see", "it"], ["go"], ["stay", "at", "home"], ["run"], ["eat", "well"]]
    frame = pl.DataFrame({"said": said, "pos": [["X"] * len(row) for row in said]})
    assert type(infer_kind(frame["said"]).column).__name__ == "Tags"
    schema = Schema.infer(frame, ["pos"])
    (note,) = schema.describe()
    assert (note.kind, note.why) == ("words", "lists of words in order: 'pos' has a value for each of them")
    # A target is never taken for the words, however many different values it has.
    assert annotation_columns(frame, ["pos"], ["said"]) == {"said": "pos"}
    assert annotation_columns(frame, [], ["said", "pos"]) == {}
