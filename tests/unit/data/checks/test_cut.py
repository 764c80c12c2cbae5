import polars as pl

from cotrain.data import Schema, find_problems
from cotrain.data.checks import check_cut
from cotrain.data.columns import Number, Subwords, Tags, Words
from cotrain.tasks import Binary

FRAME = pl.DataFrame({"t": [",".join(f"n{i}" for i in range(100)), "n1,n2", "n1"] * 20, "y": [0, 1, 1] * 20})


def test_all_names_are_read_unless_the_user_says_otherwise() -> None:
    assert check_cut(FRAME, [Tags("t"), Number("y")]) == []
    problem = check_cut(FRAME, [Tags("t", max_tokens=10)])[0]
    assert problem.values == {"rows": 20, "width": 10}
    assert "more than 10 names in 20 training rows" in problem.sentence
    schema = Schema.infer(FRAME, exclude=["y"], overrides={"t": {"kind": "tags", "max_tokens": 10}})
    assert "cut" in {problem.check for problem in find_problems(FRAME, [Binary("y")], schema)}


def test_words_that_are_not_read_are_named_too() -> None:
    lists = pl.DataFrame({"said": [["a"] * 5, ["b"]] * 3})
    (problem,) = check_cut(lists, [Words("said", max_words=4)])
    assert problem.values == {"rows": 3, "width": 4}
    assert "more than 4 words in 3 training rows" in problem.sentence
    assert "{said: {kind: words, max_words: ...}}" in problem.sentence
    assert check_cut(lists, [Words("said")]) == []


def test_a_row_of_more_names_than_training_had_keeps_them() -> None:
    column = Tags("t").fit(pl.Series("t", ["a,b", "b"]))
    assert (column.encode(pl.Series("t", ["a,b,c,d"])).tokens > 0).sum() == 4
    assert column.encode(pl.Series("t", ["a"])).tokens.shape == (1, 2)


def test_columns_of_subwords_are_named_by_what_they_share_and_not_changed(make_pretrained) -> None:
    folder = make_pretrained()
    texts = Subwords("t", folder=folder, room=20)
    words = Subwords("w", folder=folder, room=20, units="words")
    frame = pl.DataFrame({"t": ["the " * 30, "the"], "w": [["the"] * 6, ["the"]]})
    (problem,) = check_cut(frame, [texts, words])
    assert (problem.values["rows"], problem.values["width"]) == (1, 14)
    assert problem.sentence.endswith(
        "since the model reads no more: shorten them, or drop other columns of text."
    )
    assert texts.state == {}
    assert (
        "they will be refused"
        in check_cut(frame, [Subwords("w", folder=folder, room=2, units="words")])[0].sentence
    )
    limited = Subwords("t", folder=folder, max_tokens=4)
    assert check_cut(frame, [limited])[0].sentence.endswith("the rest is cut, as max_tokens says.")
