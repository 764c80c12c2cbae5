"""Texts in a script without spaces are learned from, and what looks like a code is not thrown away."""

import polars as pl

import cotrain as ct
from cotrain._base import numpy_generator
from cotrain.data import infer_kind, infer_tasks
from cotrain.data.columns import Tags, Text

CHARACTERS = [chr(code) for code in range(0x4E00, 0x4E00 + 600)]


def texts(rng, n: int, word: str) -> tuple[list[str], list[bool]]:
    vocabulary = ["".join(rng.choice(CHARACTERS, 2)) for _ in range(300)]
    has = (rng.random(n) < 0.5).tolist()
    made = []
    for row in range(n):
        words = rng.choice(vocabulary, rng.integers(8, 20)).tolist()
        if has[row]:
            words.insert(int(rng.integers(0, len(words) + 1)), word)
        made.append("".join(words))
    return made, [word in text for text in made]


def test_one_word_of_two_characters_is_found() -> None:
    made, labels = texts(numpy_generator("chinese"), 1500, "".join(CHARACTERS[:2]))
    # A number in each, as in an address: it is text all the same, and no identifier.
    frame = pl.DataFrame({"text": [f"{text}{i}号" for i, text in enumerate(made)], "y": labels})
    training = ct.Training(epochs=12, batch_size=32, learning_rate=0.01)
    learner = ct.Learner([ct.tasks.Binary("y")], training=training)
    learner.fit(frame[:1200], validation=0.15, progress=False)
    assert learner.evaluate(frame[1200:]).rows[0].value >= 0.99


def test_addresses_and_titles_with_digits_are_texts() -> None:
    rng = numpy_generator("addresses")
    for made in (
        [
            f"{''.join(rng.choice(CHARACTERS, 3))}市{''.join(rng.choice(CHARACTERS, 4))}路{i}号"
            for i in range(60)
        ],
        [f"「{''.join(rng.choice(CHARACTERS, 5))}」第{i}話" for i in range(60)],
    ):
        guess = infer_kind(pl.Series("a", made))
        assert isinstance(guess.column, Text), guess.why


def test_full_width_marks_separate_names() -> None:
    for mark in "、，；":
        cells = pl.Series("t", [f"爱情{mark}动作", "爱情", f"动作{mark}喜剧{mark}爱情", "喜剧"] * 9)
        column = infer_kind(cells).column
        assert isinstance(column, Tags)
        assert column.fit(cells).state["values"] == sorted(["爱情", "动作", "喜剧"])
    assert infer_tasks(pl.DataFrame({"t": cells}), ["t"])[0].options == {"separator": "；"}
    mixed = Tags("t").fit(pl.Series("t", ["a,b", "a，b", "b、a"] * 2))
    assert mixed.state["values"] == ["a", "b"]
