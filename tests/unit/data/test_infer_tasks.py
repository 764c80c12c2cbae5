import json

import numpy as np
import polars as pl
import pytest

from cotrain import tasks
from cotrain._base import DataError, parameters_of
from cotrain.data import infer_tasks

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "values", "kind", "options", "why"),
    [
        ("sold", [0, 1, None] * 9, "Binary", {}, "two values, 0 and 1"),
        ("sold", [0.0, 1.0, float("nan")] * 9, "Binary", {}, "two values"),
        ("won", [True, False, None], "Binary", {}, "two values"),
        ("sex", ["f", "m", None, ""], "Binary", {}, "two values, f and m"),
        ("stars", [1, 2, 3, 4, 5, None] * 9, "Ordinal", {}, "ordered steps"),
        ("answer", [1, 2, 3, 4, 5, None] * 9, "Ordinal", {}, "whole numbers from 1 to 5"),
        ("answer", [1.0, 2.0, 3.0, None] * 9, "Ordinal", {}, "whole numbers from 1 to 3"),
        ("digit", list(range(10)) * 9, "Multiclass", {}, "whole numbers from 0 to 9"),
        (
            "dose",
            ["low", "high", "medium", None] * 9,
            "Ordinal",
            {"levels": ["low", "medium", "high"]},
            "low, medium, high",
        ),
        ("colour", ["red", "green", "blue", None] * 9, "Multiclass", {}, "3 different texts"),
        ("genres", ["a, b", "a", "b, c", None] * 9, "Multilabel", {"separator": ","}, "','"),
        ("genres", [["a", "b"], ["c"], None], "Multilabel", {"separator": ","}, "lists"),
        ("genres", [["a, b", "c"], ["c"], None], "Multilabel", {"separator": "|"}, "lists"),
        ("genres", [["a, b|", "c"], ["c"], None], "Multilabel", {"separator": ";"}, "lists"),
        ("genres", [[["a"]], [["b"]], None], "Multilabel", {"separator": ","}, "lists"),
        ("height", RNG.normal(170, 10, 50).tolist(), "Regression", {}, "50 different numbers"),
        ("pages", [100, 120, 90, 250] * 9, "Regression", {}, "4 different numbers"),
        ("price", ["1.5", "2.5", "3.5"] * 9, "Regression", {}, "3 different numbers"),
        ("sales", RNG.lognormal(8, 2, 500).tolist(), "Regression", {"transform": "log"}, "logarithm"),
    ],
)
def test_recognises_a_kind(name: str, values: list, kind: str, options: dict, why: str) -> None:
    (guess,) = infer_tasks(pl.DataFrame({name: values}), [name])
    assert (guess.name, guess.kind) == (name, kind), guess.why
    assert guess.options == options
    assert why in guess.why
    assert guess.labelled == sum(v is not None and v == v and v != "" for v in values)


@pytest.mark.parametrize(
    "values",
    [
        [0, 1] * 20,
        ["x", "y", "z"] * 20,
        ["low", "high", "medium"] * 9,
        ["a,b", "b", "a"] * 9,
        [1.5, 2, 3] * 9,
    ],
)
def test_the_guess_is_a_task_that_reads_the_column(values: list) -> None:
    table = pl.DataFrame({"t": pl.Series(values, strict=False)})
    (guess,) = infer_tasks(table, ["t"])
    task = getattr(tasks, guess.kind)(guess.name, **guess.options)
    assert guess.options.items() <= parameters_of(task).items()
    task.fit(table)
    assert task.encode(table)[1].all()


@pytest.mark.parametrize(
    ("target", "values", "message"),
    [
        ("scoer", [1, 2], "'scoer' is not a column.*did you mean 'score'"),
        ("score", [None, None], "missing in all 2 rows"),
        ("score", ["", " "], "missing in all 2 rows"),
        ("score", [1, 1, None], "only one value, 1, in its 2 labelled rows"),
        ("score", [f"some free text {i}" for i in range(30)], "free text"),
    ],
)
def test_says_what_is_wrong(target: str, values: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        infer_tasks(pl.DataFrame({"score": values}), [target])


WORDS = [
    ["Ann", "saw", "Bob"],
    ["who", "came"],
    ["it", "rains", "in", "New", "York"],
    ["go"],
    ["no", "one"],
    None,
]
NER = [["B-per", "O", "B-per"], ["O", "O"], ["O", "O", "O", "B-loc", "I-loc"], ["O"], None, None]
POS = [["N", "V", "N"], ["P", "V"], ["P", "V", "A", "N", "N"], ["V"], ["D", None], None]


@pytest.mark.parametrize(
    ("name", "tags", "options"),
    [
        ("ner", NER, {"spans": "BIO", "tokens": "words"}),
        ("pos", POS, {"tokens": "words"}),
        (
            "json",
            [None if row is None else json.dumps(row) for row in NER],
            {"spans": "BIO", "tokens": "words"},
        ),
        (
            "ids",
            [None if row is None else [len(tag or "") for tag in row] for row in NER],
            {"tokens": "words"},
        ),
    ],
)
def test_a_tag_for_each_word_is_tagging(name: str, tags: list, options: dict) -> None:
    frame = pl.DataFrame({"words": WORDS, name: tags})
    frame = pl.concat([frame, frame])
    (guess,) = infer_tasks(frame, [name])
    assert (guess.kind, guess.options, guess.labelled) == (
        "Tagging",
        options,
        2 * sum(t is not None for t in tags),
    )
    assert "a tag for each word of 'words'" in guess.why
    tasks.Tagging(name, **guess.options).fit(frame)


def test_spans_are_known_by_their_form_alone_and_other_lists_stay_labels() -> None:
    frame = pl.DataFrame({"text": [" ".join(row or []) for row in WORDS], "ner": NER, "pos": POS})
    assert [guess.kind for guess in infer_tasks(frame[["text", "ner"]], ["ner"])] == ["Tagging"]
    assert [guess.kind for guess in infer_tasks(frame[["text", "pos"]], ["pos"])] == ["Multilabel"]


def test_tags_of_which_nothing_can_be_learned_are_refused() -> None:
    frame = pl.DataFrame({"words": WORDS, "t": [None if row is None else ["O"] * len(row) for row in WORDS]})
    with pytest.raises(DataError, match="only one tag, 'O'"):
        infer_tasks(frame, ["t"])
    lemmas = [[f"{row}-{place}" for place in range(1 + row % 5)] for row in range(600)]
    frame = pl.DataFrame({"words": [[f"W{x}" for x in row] for row in lemmas], "lemma": lemmas})
    with pytest.raises(DataError, match="1800 different values for the words of its rows"):
        infer_tasks(frame, ["lemma"])
