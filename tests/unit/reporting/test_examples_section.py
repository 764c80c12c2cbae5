import base64
import json
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest

from cotrain.reporting._document import Page, Verdict, render
from cotrain.reporting._examples_section import MOST_SHOWN, example_sections

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
pytest.importorskip("jinja2", reason="the extra 'report' is not installed")


def packed(array):
    array = np.asarray(array, np.uint8)
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"shape": list(array.shape), "data": data}


def mask(*numbers):
    return {"kind": "mask", "map": packed([numbers])}


def field(low, high):
    return {"kind": "field", "map": packed([[0, 1, 255]]), "low": low, "high": high}


def sound(wav="UklGRg=="):
    return {"kind": "sound", "wav": wav, "seconds": 1.25, "map": packed([[1, 9]]), "low": -9.0, "high": 1.0}


def text(value, kind="text"):
    return {"kind": kind, "text": value}


BOX = {"box": [1.0, 1.0, 4.0, 4.0], "label": "<b>cat", "score": None}
PICTURE = {"type": "image/png", "data": "iVBORw0KGgo=", "width": 8, "height": 8, "kind": "picture"}


def row(number, task, **tasks):
    return {
        "row": number,
        "task": task,
        "which": "worst",
        "metric": "miou",
        "value": 0.25,
        "inputs": {"photo": PICTURE, "file": sound()},
        "beside": {"note": "<i>x"},
        "tasks": {name: dict(zip(("true", "predicted"), pair, strict=True)) for name, pair in tasks.items()},
    }


ROWS = [
    row(
        1234,
        "mask",
        mask=(mask(0, 1, 255), mask(0, 0, 2)),
        boxes=({"kind": "boxes", "boxes": [BOX]}, {"kind": "boxes", "boxes": [BOX | {"score": 0.5}]}),
        depth=(field(1.0, 2.0), field(0.5, 3.0)),
        said=(text("one two", "transcript"), text("one three four", "transcript")),
        voice=(sound(""), sound()),
        kind=(text("a"), text("b")),
    ),
    row(
        5,
        "said",
        mask=(None, mask(1, 1, 1)),
        boxes=(None, {"kind": "boxes", "boxes": []}),
        depth=(None, field(0.0, 0.0)),
        said=(None, text("", "transcript")),
        voice=(sound(""), None),
        kind=(None, text("b")),
    ),
]
TASKS = {name: {"classes": []} for name in ("boxes", "depth", "said", "voice", "kind")}
EXAMPLES = {
    "part": "test",
    "tasks": {"mask": {"classes": ["ground", "tree", "road"]}, **TASKS},
    "rows": ROWS,
    "worst": {"kind": [ROWS[0], ROWS[1]]},
}


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.open = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += " ".join(data.split()) + " "


def page(examples):
    sections = example_sections(examples)
    made = Page("t", "l", "v", [Verdict("unknown", "s")], sections)
    reader = Reader()
    reader.feed(render(made))
    return reader


def test_everything_is_in_the_page_and_has_a_text_for_those_who_do_not_see_it():
    found = page(json.loads(json.dumps(EXAMPLES)))
    images = [attrs for tag, attrs in found.tags if tag == "img"]
    assert len(images) == 2 + 2 + 1 + 2 + 1 + 1  # inputs, masks, fields, a synthesised sound
    for tag, attrs in found.tags:
        assert tag != "script"
        for name in ("src", "href"):
            assert str(attrs.get(name) or "data:").startswith(("data:", "#"))
        if tag == "img":
            assert len(attrs["alt"]) > 10
        if tag == "audio":
            assert attrs["src"].startswith("data:audio/wav;base64,")
            assert attrs["aria-label"]
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)


def test_names_are_text_and_what_is_wrong_is_told_in_words():
    found = page(EXAMPLES)
    assert "<b>cat" in found.text
    assert "<i>x" in found.text
    assert "Row 1,234: one of the worst for mask (miou 0.250)" in found.text
    assert "−two" in found.text
    assert "(1 substituted, 1 inserted)" in found.text
    assert [tag for tag, _ in found.tags].count("del") == 1


def test_a_task_without_a_label_shows_the_prediction_and_says_so():
    found = page({**EXAMPLES, "rows": [ROWS[1]], "worst": {}})
    assert found.text.count("no label on this row: only what is predicted") == 5
    assert "boxes: no label, 0 predicted" in found.text
    assert "nothing is predicted of this row" in found.text
    assert "(nothing)" in found.text


def test_the_legend_has_the_classes_that_are_shown_and_what_is_unlabelled():
    found = page(EXAMPLES)
    for name in ("mask: ground", "mask: tree", "mask: road", "mask: not labelled"):
        assert name in found.text
    alone = page({**EXAMPLES, "rows": [ROWS[1]], "worst": {}})
    assert "mask: tree" in alone.text
    assert "mask: ground" not in alone.text


def test_a_field_is_shown_in_one_range_with_its_truth():
    found = page(EXAMPLES)
    assert "depth, true: 1.000 to 2.000; dark 0.500, bright 3.000" in found.text


def test_worst_rows_of_a_table_stand_in_a_table():
    found = page({**EXAMPLES, "rows": []})
    assert "kind: the 2 worst rows" in found.text
    assert "1,234" in found.text


def test_long_inputs_are_set_as_text_below_a_header_that_stands_over_them():
    text = "a sentence that is longer than a number"
    worst = [
        ROWS[0] | {"beside": {"n": "5", "said": text}},
        ROWS[1] | {"beside": {"n": "6", "said": "short"}},
    ]
    (told,) = example_sections({**EXAMPLES, "rows": [], "worst": {"kind": worst}})
    (table,) = told.blocks
    assert [[cell.tone for cell in line[3:]] for line in table.rows] == [["", "long"], ["", "long"]]
    for beside, shown in (({"a": 40 * "word "}, 200), ({"a": 40 * "word ", "b": 40 * "word "}, MOST_SHOWN)):
        worst = {"kind": [ROWS[0] | {"beside": beside}]}
        (again,) = example_sections({**EXAMPLES, "rows": [], "worst": worst})
        assert {len(cell.text) for cell in again.blocks[0].rows[0][3:]} == {shown}
    shown = render(Page("t", "l", "v", [Verdict("unknown", "s")], [told]))
    assert '<th scope="col"><bdi>said</bdi></th>' in shown
    assert '<th scope="col" class="value"><bdi>n</bdi></th>' in shown


def test_rows_are_called_by_the_table_that_they_are_of():
    assert "Rows are counted from 0 in the table." in page(EXAMPLES).text
    assert "Rows are counted from 0 in test.csv." in page({**EXAMPLES, "table": "test.csv"}).text
    named = [ROWS[0] | {"row": "16 of b.csv"}]
    found = page({**EXAMPLES, "rows": named, "worst": {"kind": named}})
    assert "Row 16 of b.csv: one of the worst" in found.text


@pytest.mark.parametrize("examples", [None, {"part": "test", "tasks": {}, "rows": [], "worst": {}}])
def test_a_run_without_examples_has_no_section(examples):
    assert example_sections(examples) == []


def test_a_picture_is_as_wide_as_the_two_maps_below_it():
    for tasks, wide in (({"mask": (mask(0), mask(1))}, True), ({"kind": (text("a"), text("b"))}, False)):
        one = {**row(1, "kind", **tasks), "task": next(iter(tasks))}
        known = {name: {"classes": []} for name in tasks}
        (section,) = example_sections({**EXAMPLES, "tasks": known, "rows": [one], "worst": {}})
        example = section.blocks[-1]
        assert example.panels[0].wide == wide
