"""A tag for every word beside a class for the row, from the table to predictions and the run folder."""

import numpy as np
import polars as pl
import pytest

import cotrain as ct

#: A stem says nothing of its tag, the ending all; a city is a span of two words.
ENDINGS = {"s": "NOUN", "ed": "VERB", "ly": "ADV"}


def sentences(n: int, seed: int) -> pl.DataFrame:
    """Make sentences, of which some have no tags, some no names and some no words."""
    generator = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        words, tags, names = [], [], []
        for _ in range(generator.integers(1, 7)):
            ending = generator.choice(list(ENDINGS))
            words.append(f"w{generator.integers(0, 40)}{ending}")
            tags.append(None if i % 11 == 0 else ENDINGS[ending])
            names.append("O")
        if generator.random() < 0.5:
            words += ["New", "York"]
            tags += ["NAME", "NAME"]
            names += ["B-CITY", "I-CITY"]
        rows.append(
            {
                "said": words,
                "pos": None if i % 5 == 0 else tags,
                "city": None if i % 3 == 0 else names,
                "far": None if i % 4 == 0 else "yes" if "York" in words else "no",
                "age": float(i % 7),
            }
        )
    rows.append({"said": None, "pos": None, "city": None, "far": "no", "age": None})
    rows.append({"said": [], "pos": [], "city": [], "far": "no", "age": 1.0})
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[ct.Learner, str]:
    run = str(tmp_path_factory.mktemp("tagging") / "run")
    tasks = [ct.tasks.Tagging("pos"), ct.tasks.Tagging("city", spans="BIO"), ct.tasks.Multiclass("far")]
    learner = ct.Learner(tasks, training=ct.Training(epochs=8, batch_size=16, learning_rate=5e-3))
    return learner.fit(sentences(240, 0), validation=sentences(40, 1), progress=False, run=run), run


def test_words_their_tags_and_their_row_are_learned_together(fitted) -> None:
    learner, _ = fitted
    values = {
        (row.task, row.metric): row.value for row in learner.evaluate(sentences(60, 2)) if row.part is None
    }
    assert values["pos", "token_accuracy"] > 0.9
    assert values["city", "span_f1"] > 0.9
    assert values["far", "accuracy"] > 0.9


def test_predictions_are_lists_as_long_as_their_words_whatever_the_rows_come_as(fitted) -> None:
    learner, run = fitted
    new = sentences(20, 3)
    predicted = learner.predict(new.select("said", "age"))
    lengths = [len(words or []) for words in new["said"].to_list()]
    for name in ("pos", "city"):
        assert [len(tags) for tags in predicted[name].to_list()] == lengths
    assert ct.Learner.load(run).predict(new).equals(predicted)
    arrow = learner.predict(new.to_arrow())
    assert arrow["pos"].to_pylist() == predicted["pos"].to_list()
    pandas = learner.predict(new.to_pandas())
    assert [list(tags) for tags in pandas["city"]] == predicted["city"].to_list()
    text = new.with_columns(pl.col("said").list.join(" "))
    assert learner.predict(text)["pos"].to_list() == predicted["pos"].to_list()
    for number, row in enumerate(new.select("said", "age").to_dicts()):
        assert learner.predict(row)["pos"] == predicted["pos"].to_list()[number]


def test_rows_without_words_or_tags_change_no_figure_and_break_nothing(fitted) -> None:
    learner, _ = fitted
    some = sentences(30, 4)
    empty = pl.DataFrame({"said": [None, []], "age": [1.0, 2.0]})
    empty = pl.concat([some[:0], empty], how="diagonal_relaxed")
    before, after = (
        {(row.task, row.metric, row.part): row.value for row in learner.evaluate(frame)}
        for frame in (some, pl.concat([some, empty]))
    )
    assert before == pytest.approx(after, nan_ok=True)
    assert learner.predict(empty)["pos"].to_list() == [[], []]
