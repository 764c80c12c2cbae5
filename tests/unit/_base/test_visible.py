import io
import json

import pytest
from rich.text import Text

from cotrain._base import safe_console, visible, visible_json, visible_line

HOSTILE = [
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\x08\x08",
    "\x7f",
    "\u202e",
    "\u2066",
    "\ud800",
    "\r",
    "\u2028",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nothing_that_steers_gets_through_in_any_form(text):
    for shown in (visible(f"a{text}b"), visible_line(f"a{text}b")):
        assert shown.isprintable()
        shown.encode()
    written = visible_json(json.dumps({"k": f"a{text}b"}, ensure_ascii=False))
    assert written.isprintable()
    assert json.loads(written) == {"k": f"a{text}b"}


@pytest.mark.parametrize(
    "text", ["größe 语", "👩\u200d🔬", "שלום\u200e", "می\u200cخواهم", "two\nlines\tand", "co\u00adop"]
)
def test_ordinary_text_of_any_script_stays_as_it_is(text):
    assert visible(text) == text


def test_a_console_shows_names_in_every_way_of_printing():
    file = io.StringIO()
    console = safe_console(file=file, width=200)
    console.print("a\x1b[31mb", markup=False)
    console.print(Text("c\x1b[31md"))
    assert "\x1b" not in file.getvalue()
    assert file.getvalue().split("\n")[:2] == ["a[U+001B][31mb", "c[U+001B][31md"]
