from __future__ import annotations

from typing import Any

import pytest

from cotrain.reporting._experts import expert_section, expert_sentences

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")


def expert(name: str, **others: Any) -> dict[str, Any]:
    return {
        "level": 0, "expert": name, "shared": True, "load": 0.5, "even": 0.5, "share": {"a": 0.5, "b": 0.5},
        "dead_units": 0.0, "dead": False, "captured_by": None, **others,
    }  # fmt: skip


def history(*experts: dict[str, Any], entropy: float = 0.8) -> list[dict[str, Any]]:
    health = {"records": list(experts), "entropy": [{"a": entropy, "b": 0.9}], "sentence": "so"}
    return [{"epoch": i, "loss": {"a": 1.0, "b": 1.0}, "health": health} for i in range(2)]


def test_without_gates_there_is_no_section() -> None:
    from cotrain.reporting._draw import Pen

    assert expert_section([{"epoch": 0}], Pen()) is None
    assert expert_sentences([]) == []


def test_what_is_wrong_is_named_with_what_to_try() -> None:
    found = expert_sentences(
        history(
            expert("shared 0", dead=True, load=0.01),
            expert("shared 1", captured_by="a", share={"a": 0.95, "b": 0.05}),
            expert("shared 2", dead_units=0.7),
            entropy=0.02,
        )
    )
    assert found[0] == "Dead experts, which no gate opens: shared 0. Take fewer experts."
    assert "shared 1 by a. CGC gives" in found[1]
    assert "nothing in shared 2: take smaller" in found[2]
    assert "The gates of a have settled on one expert" in found[3]


def test_the_section_shows_load_shares_and_gates() -> None:
    from cotrain.reporting._draw import Pen

    section = expert_section(history(expert("e0"), expert("e1", share={"a": 1.0})), Pen())
    assert section is not None
    assert section.title == "Every expert is used, and none by one task alone."
    table, picture = section.blocks
    assert [cell.text for cell in table.rows[1]] == ["expert e1", "0.500", "0%", "100%", "–"]
    assert picture.title == "a has the sharpest gate (entropy 0.800 at the end)"
    assert 'role="img"' in picture.svg
