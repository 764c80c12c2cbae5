from __future__ import annotations

from typing import Any

import pytest

from cotrain.reporting._rounds import rounds_section, rounds_sentences

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")


def one(accepted: int, after: float, **others: Any) -> dict[str, Any]:
    found = {
        "task": "a", "accepted": accepted, "coverage": accepted / 100, "per_class": {}, "surest": 0.7,
        "start": 0.6, "before": 0.6, "after": after, "note": "",
    }  # fmt: skip
    if accepted:
        found["estimated_accuracy"] = 0.9
    return found | others


def cotraining(**others: Any) -> dict[str, Any]:
    return {
        "peers": ["p0", "p1"], "pool": 9, "stopped": "all 2 rounds are done", "chosen": {"a": 2, "<b>": 0},
        "verdicts": {"a": "round 2 of 2", "<b>": "supervised start: no round was better"},
        "kept": {"a": True, "<b>": False}, "accepted": {"a": 50},
        "rounds": [
            {"round": 1, "updates": [9], "tasks": {"a": one(20, 0.65), "<b>": one(0, 0.6)}},
            {"round": 2, "updates": [9],
             "tasks": {"a": one(50, 0.7, true_accuracy=0.7), "<b>": one(0, 0.6, note="none is sure")}},
        ],
        **others,
    }  # fmt: skip


def drawn(value: dict[str, Any] | None) -> Any:
    from cotrain.reporting._draw import Pen

    return rounds_section(value, Pen())


def test_a_run_without_co_training_has_no_such_section() -> None:
    assert drawn(None) is None
    assert rounds_sentences(None) == []


def test_titles_state_what_came_of_it() -> None:
    section = drawn(cotraining())
    assert section.title == "a learned from pseudo-labels; 1 keeps its supervised start"
    titles = [block.title for block in section.blocks]
    assert "a: validation 0.600 at the start, 0.700 in round 2, which was chosen" in titles
    assert "a: 50 pseudo-labels in the last round, 90% of them right by estimate, 70% in truth" in titles
    assert "<b>: validation 0.600 at the start, 0.600 after the last round; the start answers" in titles
    assert "The dotted line is the round that was chosen" in section.text
    assert len(titles) == 5  # nothing was accepted for <b>, so there is no picture of its accuracy


def test_what_was_not_judged_or_was_better_is_not_called_worse() -> None:
    """A round may be better on the validation rows and the start answer all the same."""
    section = drawn(cotraining(kept={"a": False, "<b>": False}))
    assert section.title == "all tasks keep the supervised start"
    titles = [block.title for block in section.blocks]
    assert "a: validation 0.600 at the start, 0.700 after the last round; the start answers" in titles
    alone = cotraining(chosen={"a": 0}, kept={"a": False}, verdicts={"a": "supervised start"})
    assert drawn(alone).title == "a keeps the supervised start"


def test_of_numbers_only_their_share_is_drawn() -> None:
    number = {name: value for name, value in one(20, 0.65).items() if name != "estimated_accuracy"}
    rounds = [{"round": 1, "updates": [9], "tasks": {"a": number}}]
    section = drawn(cotraining(rounds=rounds, chosen={"a": 1}, kept={"a": True}))
    [block] = [block for block in section.blocks if "pseudo-labels in the last round" in (block.title or "")]
    assert block.title == "a: 20 pseudo-labels in the last round"
    assert [entry.name for entry in block.legend] == ["share of the unlabelled cells"]


def test_rounds_of_several_strategies_are_not_mixed() -> None:
    rounds = [
        {"round": number, "strategy": name, "updates": [9], "tasks": {"a": one(20 + number, value)}}
        for name, values in (("Committee", (0.1, 0.2)), ("MeanTeacher", (0.8, 0.9)))
        for number, value in enumerate(values, 1)
    ]
    section = drawn(cotraining(rounds=rounds, chosen={"a": 1}, kept={"a": True}))
    titles = [block.title for block in section.blocks]
    assert titles[:4] == [
        "a, Committee: validation 0.600 at the start, 0.200 after the last round",
        "a, Committee: 22 pseudo-labels in the last round, 90% of them right by estimate",
        "a, MeanTeacher: validation 0.600 at the start, 0.900 after the last round",
        "a, MeanTeacher: 22 pseudo-labels in the last round, 90% of them right by estimate",
    ]
    assert [row[0].text for row in section.blocks[-1].rows] == [
        "Committee 1", "Committee 2", "MeanTeacher 1", "MeanTeacher 2",
    ]  # fmt: skip
    assert "dotted" not in section.text


def test_sentences_say_what_to_do() -> None:
    first, overrated, none = rounds_sentences(cotraining())
    assert first.startswith("Co-training: a learned from pseudo-labels")
    assert "up to 20% less often right than estimated: accept fewer" in overrated
    assert "No pseudo-label of <b> was accepted (surest 0.70)" in none


def test_without_validation_or_rounds_there_is_still_a_section() -> None:
    bare = cotraining(rounds=[], chosen={"a": 0}, kept={"a": False}, verdicts={"a": "supervised start"})
    section = drawn(bare)
    assert section.title == "a keeps the supervised start"
    assert len(section.blocks) == 1
    record = {key: value for key, value in one(5, 0.0).items() if key not in ("start", "before", "after")}
    section = drawn(bare | {"rounds": [{"round": 1, "updates": [], "tasks": {"a": record}}]})
    assert [block.title for block in section.blocks][-1] == "Every round"


def test_a_task_without_any_candidate_is_not_blamed() -> None:
    bare = {key: value for key, value in one(0, 0.6).items() if key != "surest"}
    found = rounds_sentences(cotraining(rounds=[{"round": 1, "updates": [], "tasks": {"a": bare}}]))
    assert len(found) == 1
