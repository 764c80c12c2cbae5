"""The cells of a comparison in its report: curves and confusions by method."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
pytest.importorskip("jinja2", reason="the extra 'report' is not installed")

from cotrain.reporting._cells_section import cells_confusion_section, cells_curve_section
from cotrain.reporting._draw import Pen

CONFUSION = {"names": ["<a>", "b"], "counts": [[5, 1], [2, 4]]}


def method(name: str, curves: Any = None, confusions: Any = None) -> dict[str, Any]:
    return {"name": name, "curves": curves or {}, "confusions": confusions or {}}


def results(*methods: dict[str, Any], direction: str = "max") -> dict[str, Any]:
    tasks = [
        {"name": "<kind>", "metric": "accuracy", "direction": direction},
        {"name": "size", "metric": "rmse", "direction": "min"},
    ]
    return {"seeds": [0, 1, 2], "chosen": "S + B", "methods": list(methods), "tasks": tasks}


CURVES = {"<kind>": [[(1, 0.5), (2, 0.8)], [(1, 0.6)], []], "size": [[(1, 3.0), (2, 2.0)], [(1, 4.0)], []]}


def test_every_fit_is_a_line_and_the_title_says_who_was_best() -> None:
    worse = {"<kind>": [[(1, 0.4), (7, 0.65)]] * 3, "size": [[(1, 1.0)]] * 3}
    section = cells_curve_section(results(method("single_task", worse), method("S + B", CURVES)), Pen())
    assert section is not None
    assert section.title == "Fits took 1 to 7 epochs"
    kind, size = section.blocks
    # The mean of the seeds' best values: of S + B .8 and .6, the third fit kept no curve.
    assert (
        kind.title == "<kind>: at its best epochs S + B has the best validation accuracy, 0.700 in the mean"
    )
    assert "alone has the best validation rmse, 1.00" in size.title
    assert [entry.name for entry in kind.legend] == ["S + B", "alone"]
    assert "&lt;kind&gt;" in kind.svg
    assert "<kind>" not in kind.svg


def test_comparisons_without_curves_or_classes_have_no_such_section() -> None:
    assert cells_curve_section(results(method("S + B")), Pen()) is None
    assert cells_confusion_section(results(method("S + B"))) is None
    # As results of before, which have neither.
    bare = results({"name": "S + B"})
    assert cells_curve_section(bare, Pen()) is None
    assert cells_confusion_section(bare) is None


def test_the_chosen_method_is_open_and_the_others_wait() -> None:
    own = {"<kind>": {"confusion": CONFUSION}}
    methods = [method(name, confusions=own) for name in ("constant", "trees", "single_task", "S + B")]
    section = cells_confusion_section(results(*methods))
    assert section is not None
    assert [table.folded for table in section.blocks] == [False, True, True, True]
    titles = [table.title for table in section.blocks]
    assert titles[0] == ("<kind>, S + B: 75% right; most often b is taken for <a> (2 rows over 3 seeds)")
    assert titles[1].startswith("<kind>, alone: 75% right")
    assert "boosted trees" in titles[3]
    assert titles[3].endswith("(2 rows)"), "trees have one seed"
    # The results are as they were.
    assert CONFUSION == {"names": ["<a>", "b"], "counts": [[5, 1], [2, 4]]}


@pytest.mark.parametrize("best", [0, 7, 8, 11])
def test_the_best_of_many_methods_is_named_and_drawn_whichever_it_is(best: int) -> None:
    many = [
        method(f"m{i:02d}", {"<kind>": [[(1, 0.9 if i == best else 0.5)]], "size": [[(1, 1.0)]]})
        for i in range(12)
    ]
    section = cells_curve_section(results(*many), Pen())
    assert section is not None
    kind = section.blocks[0]
    assert f"m{best:02d} has the best validation accuracy, 0.900" in kind.title
    assert kind.title.endswith("; 4 methods not drawn")
    names = [entry.name for entry in kind.legend]
    assert len(names) == 8
    assert f"m{best:02d}" in names
