import pytest

from cotrain.reporting._curves import curve_section, weight_section
from cotrain.reporting._draw import Pen

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")

ROWS = {"a": {"metric": "auroc", "direction": "max"}, "b": {"metric": "rmse", "direction": "min"}}


def history(weights=({"a": 1.0, "b": 1.0},) * 4):
    values = [(0.6, 2.0), (0.8, 1.0), (0.7, 1.5), (0.7, 1.2)]
    return [
        {
            "epoch": i,
            "loss": {"a": 1.0, "b": 2.0},
            "validation": {"a": a, "b": b},
            "weights": dict(weights[i]),
        }
        for i, (a, b) in enumerate(values)
    ]


def curves(**kept):
    return {task: row | {"kept": kept.get(task)} for task, row in ROWS.items()}


def test_each_task_gets_a_picture_with_its_best_epoch():
    found = curve_section(history(), curves(a=2, b=2), Pen())
    assert found.title == "Epoch 2 of 4 is kept for all tasks"
    assert [picture.title for picture in found.blocks] == [
        "a: validation auroc best in epoch 2 (0.800), at the end 0.700",
        "b: validation rmse best in epoch 2 (1.000), at the end 1.200",
    ]


def test_tasks_that_got_no_better_are_named_where_each_keeps_its_own():
    found = curve_section(history(), curves(a=2, b=4), Pen())
    assert found.title == "Each task keeps its own best epoch; a got no better in the second half"


def test_a_line_stands_at_the_epoch_that_is_kept_and_at_no_other():
    def lines(found):
        return [picture.svg.count("stroke-dasharray") for picture in found.blocks]

    none = curve_section(history(), curves(), Pen())
    assert (none.title, none.text) == ("4 epochs", "")
    one = curve_section(history(), curves(a=3), Pen())
    assert lines(one)[0] == lines(none)[0] + 1
    assert lines(one)[1] == lines(none)[1]
    assert "dotted line is the epoch that is kept" in one.text


def test_without_validation_the_loss_is_shown_and_the_last_epoch_kept():
    bare = [{key: record[key] for key in ("epoch", "loss")} for record in history()]
    found = curve_section(bare, curves(a=4, b=4), Pen())
    assert found.title == "4 epochs; the last one is kept"
    assert found.blocks[0].title == "a: training loss best in epoch 1 (1.000), at the end 1.000"
    assert curve_section([], {}, Pen()) is None


@pytest.mark.parametrize(
    ("last", "title"),
    [
        ({"a": 1.0, "b": 1.01}, "FAMO weighs all tasks alike"),
        ({"a": 3.0, "b": 1.0}, "a ends with 3 times the weight of b (FAMO)"),
        ({"a": 3.0, "b": 0.0}, "a ends with more than the weight of b (FAMO)"),
    ],
)
def test_the_heaviest_and_the_lightest_are_named(last, title):
    weights = ({"a": 1.0, "b": 1.0},) * 3 + (last,)
    assert weight_section(history(weights), "FAMO", Pen()).title == title


def test_one_task_has_no_weight_to_tell_apart():
    assert weight_section(history(({"a": 1.0},) * 4), "FAMO", Pen()) is None
