import json
import logging

import pytest
import torch

from cotrain._base import RunError
from cotrain.learner._run_record import (
    RECORD,
    made_with,
    read_record,
    require_same_rows,
    tell_differences,
    write_record,
)

ROWS = {"train": "a", "validation": "b", "test": "none"}


def test_the_same_rows_are_let_through_and_other_ones_named(tmp_path):
    write_record(tmp_path, ROWS)
    require_same_rows(tmp_path, ROWS)
    require_same_rows(tmp_path, {"test": "none"})
    with pytest.raises(RunError, match="begun with other training and test rows"):
        require_same_rows(tmp_path, {**ROWS, "train": "x", "test": "y"})


def test_threads_and_versions_are_recorded_and_a_difference_is_told(tmp_path, caplog):
    write_record(tmp_path, ROWS)
    assert tell_differences(tmp_path) is None
    assert read_record(tmp_path)["made_with"]["threads"] == torch.get_num_threads()
    record = read_record(tmp_path)
    record["made_with"]["threads"] += 1
    record["made_with"]["versions"]["torch"] = "2.0"
    (tmp_path / RECORD).write_text(json.dumps(record))
    with caplog.at_level(logging.WARNING, "cotrain"):
        sentence = tell_differences(tmp_path)
    assert "torch 2.0 -> " in sentence
    assert f"threads {torch.get_num_threads() + 1} -> {torch.get_num_threads()}" in sentence
    assert sentence in caplog.text
    assert set(made_with()) == {"versions", "threads", "processor"}


@pytest.mark.parametrize("text", [None, "", "[]", '{"rows": 1, "made_with": {}}', "{"])
def test_an_absent_or_damaged_record_is_a_sentence(tmp_path, text):
    if text is not None:
        (tmp_path / RECORD).write_text(text)
    with pytest.raises(RunError, match=r"run\.json"):
        require_same_rows(tmp_path, ROWS)
