"""What a run came to is plain JSON, whole."""

from __future__ import annotations

import json
from dataclasses import fields

from cotrain.comparison.runs._result import AnswerTest, RunResult, TaskVerdict
from cotrain.evaluation import EvaluationTable


def result(**changed) -> RunResult:
    values = {
        "table": EvaluationTable([]),
        "verdicts": [TaskVerdict("sold", "auroc", "helped", "sold: helped.")],
        "delta_m": 0.1,
        "delta_m_sentence": "10 % better",
        "coverage": {"sold": {"train": 50}},
        "n_rows": {"train": 56},
        "best_epoch": {"combined": 3},
        "seconds": {"train": 1.23456},
        "skipped": {},
    }
    return RunResult(**{**values, **changed})


def test_everything_is_told_and_survives_json():
    plain = result().to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    told = {"rows" if field.name == "table" else field.name for field in fields(RunResult)}
    assert told - {"by_source", "answers", "thresholds", "ensemble", "disagreements"} <= set(plain)
    assert result(ensemble="3 networks.").to_json()["ensemble"] == "3 networks."
    assert result(thresholds=["sold: decided at 0.2."]).to_json()["thresholds"] == ["sold: decided at 0.2."]
    assert plain["seconds"] == {"train": 1.235}
    assert plain["n_rows"] == {"train": 56}


def test_sources_are_told_where_there_are_several():
    coverage = {"books": {"sold": {"train": 50}}, "films": {"sold": {"train": 6}}}
    told = result(by_source=coverage).to_json()["by_source"]
    assert {name: source["coverage"] for name, source in told.items()} == coverage
    assert "by_source" not in result().to_json()


def test_labels_that_training_did_not_have_are_told_where_there_are_some():
    unseen = {"code": {"code=1": 2}}
    assert result(table=EvaluationTable([], unseen=unseen)).to_json()["unseen"] == unseen
    assert "unseen" not in result().to_json()


def test_a_verdict_is_told_with_all_that_it_knows():
    [told] = result().to_json()["verdicts"]
    assert told == vars(result().verdicts[0])


def test_who_answers_is_told_where_it_was_chosen():
    answer = AnswerTest(
        "sold", "trees", "better", "sold: trees.", {"joint": float("nan")}, {"trees": 1.0}, 0.1
    )
    plain = result(answers=[answer]).to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["answers"][0]["answer"] == "trees"
    assert "answers" not in result().to_json()
