import json

import polars as pl
import pytest
import torch

from cotrain._base import DataError
from cotrain._base._ragged import padded
from cotrain.tasks.sequence._given_columns import GivenColumns

FRAME = pl.DataFrame(
    {
        "text": ["On  to", " e\u0301", None, ""],
        "speaker": ["ann", None, "bob", "ann"],
        "speed": [1.0, 3.0, None, 2.0],
        "take": [1, 2, 1, None],
    }
)


def given():
    found = GivenColumns("v", ["text", "speaker", "speed", "take"])
    found.fit(FRAME)
    return found


def test_texts_become_characters_with_a_blank_at_both_ends():
    found = given()
    assert found.characters[0] == " "
    assert set(found.characters) == set(" ont\u00e9")
    numbers = {c: n for n, c in enumerate(found.characters, 1)}
    units = found.units(FRAME)
    assert units[0].tolist() == [numbers[c] for c in " on to "]
    assert units[2].tolist() == []
    assert units[3].tolist() == [numbers[" "]] * 2
    assert found.optional.tolist() == [n == numbers[" "] for n in range(found.n_units)]


def test_conditions_become_codes_and_standardised_numbers():
    inputs = given().inputs(FRAME)
    assert inputs["given:v:categories"].tolist() == [[1, 1], [0, 2], [2, 1], [1, 0]]
    numbers = inputs["given:v:numbers"][:, 0]
    torch.testing.assert_close(numbers, torch.tensor([-1.0, 1.0, 0.0, 0.0]) * 1.5**0.5)
    assert inputs["given:v:units"].lengths.tolist()[2] == 0


def test_what_training_did_not_have_is_unknown_and_counted():
    new = pl.DataFrame({"text": ["ox"], "speaker": ["eve"], "speed": [2.0], "take": [7]})
    found = given()
    inputs = found.inputs(new)
    assert inputs["given:v:categories"].tolist() == [[0, 0]]
    assert inputs["given:v:units"].values.tolist()[2] == 0
    assert found.unseen(new) == {"text=x": 1, "speaker=eve": 1, "take=7": 1}
    assert found.unseen(FRAME) == {}


def test_many_whole_numbers_are_numbers_and_few_are_names():
    frame = pl.DataFrame({"text": ["a"] * 60, "age": list(range(60))})
    found = GivenColumns("v", ["text", "age"])
    found.fit(frame)
    assert list(found.numbers) == ["age"]


def test_the_coding_is_json():
    found = given()
    again = GivenColumns("v", ["text", "speaker", "speed", "take"])
    again.load_state_dict(json.loads(json.dumps(found.state_dict())))
    one, other = found.inputs(FRAME), again.inputs(FRAME)
    assert list(one) == list(other)
    assert all(torch.equal(padded(one[name]), padded(other[name])) for name in one)


def test_absent_and_infinite_columns_are_told_in_a_sentence():
    with pytest.raises(DataError, match="Task 'v': given='speaker' is not a column of the table"):
        given().inputs(FRAME.drop("speaker"))
    wild = FRAME.with_columns(speed=pl.Series([1.0, float("inf"), 1.0, 1.0]))
    with pytest.raises(DataError, match="given column 'speed' has infinite values"):
        given().inputs(wild)
    assert given().are_in(FRAME.columns)
    assert not given().are_in(["text"])


def test_a_table_of_no_rows():
    inputs = given().inputs(FRAME[:0])
    assert len(inputs["given:v:units"]) == 0
    assert inputs["given:v:categories"].shape == (0, 2)
