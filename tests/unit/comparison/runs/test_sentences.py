import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison.runs._sentences import MOST_WORDS, SHOWN, sentences_of

WORDS = [["Ann", "saw", "Bo"], ["rain"], ["Bo", "ran", "home", "fast"], None, ["Cy"], ["it", "is", "Di"]]
TAGS = [["P", "V", "P"], ["N"], ["P", "V", None, "N"], None, None, ["N", "V", "Z"]]


@pytest.fixture(scope="module")
def learner() -> ct.Learner:
    frame = pl.DataFrame({"words": WORDS[:5] * 6, "pos": TAGS[:5] * 6, "far": ["yes", "no"] * 15})
    made = ct.Learner(
        [ct.tasks.Tagging("pos"), ct.tasks.Binary("far")],
        encoder=ct.networks.WordEncoder(8, word_embedding=4, character_embedding=2),
        columns={"words": "words"},
        training=ct.Training(epochs=1, batch_size=8),
    )
    return made.fit(frame, validation=None, progress=False)


def test_rows_with_labels_are_shown_with_what_is_predicted(learner: ct.Learner) -> None:
    frame = pl.DataFrame({"words": WORDS, "pos": TAGS, "far": ["yes", "no"] * 3})
    found = sentences_of(learner, frame)
    assert set(found) == {"pos"}
    predicted = dict(zip(map(str, WORDS), learner.predict(frame)["pos"].to_list(), strict=True))
    true = dict(zip(map(str, WORDS), TAGS, strict=True))
    assert len(found["pos"]) == 4  # the rows without a label are not shown
    for row in found["pos"]:
        assert row["predicted"] == predicted[str(row["words"])]
        expected = [tag or "" for tag in true[str(row["words"])]]
        assert row["true"] == ["never seen" if tag == "Z" else tag for tag in expected]
        wrong = [t != p for t, p in zip(row["true"], row["predicted"], strict=True) if t]
        assert (row["wrong"], row["labelled"]) == (sum(wrong), len(wrong))


def test_the_worst_rows_come_first_and_the_typical_ones_are_near_the_median(learner: ct.Learner) -> None:
    words = [[f"w{i}", "x", "y", "z"] for i in range(40)]
    frame = pl.DataFrame({"words": words, "far": ["yes", "no"] * 20})
    said = learner.predict(frame)["pos"].to_list()
    other = {"P": "V", "V": "N", "N": "P"}
    tags = [[other[t] if place < i % 5 else t for place, t in enumerate(row)] for i, row in enumerate(said)]
    found = sentences_of(learner, frame.with_columns(pos=pl.Series(tags)))["pos"]
    assert [(row["which"], row["wrong"]) for row in found] == [("worst", 4)] * SHOWN + [
        ("typical", 2)
    ] * SHOWN


def test_long_rows_tables_without_labels_and_text_are_no_trouble(learner: ct.Learner) -> None:
    long = pl.DataFrame(
        {"words": [["a"] * (MOST_WORDS + 1)], "pos": [["P"] * (MOST_WORDS + 1)], "far": ["no"]}
    )
    assert sentences_of(learner, long) == {}
    frame = pl.DataFrame({"words": ["Ann saw Bo"], "pos": ["P V P"], "far": ["no"]})
    assert [row["words"] for row in sentences_of(learner, frame)["pos"]] == [["Ann", "saw", "Bo"]]
