import re

import pytest

from cotrain.reporting._document import Page, Paragraph, Section, Table, TableCell, Verdict, neutral, render

pytest.importorskip("jinja2", reason="the extra 'report' is not installed")


def page(**options):
    table = Table(["task", "value"], [[TableCell("<b>bold</b>"), TableCell("0.5", "good")]], "A <table>")
    sections = [Section("What <it> says", [table, Paragraph("More", "text & text")], points=["one", "two"])]
    fields = {
        "title": "a & b", "lead": "lead", "verdict_title": "Title",
        "verdicts": [Verdict("helped", "a: helped.", "good", "▲")], "sections": sections,
    } | options  # fmt: skip
    return Page(**fields)


def test_every_text_is_escaped_and_nothing_is_loaded_or_run():
    text = render(page())
    assert "<b>bold</b>" not in text
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "a &amp; b" in text
    for tag in ("<script", "<iframe", " src=", "http"):
        assert tag not in text
    assert set(re.findall('<link[^>]*href="([^"]*)"', text)) <= {"data:,"}


def test_the_verdict_comes_before_what_it_rests_on():
    text = render(page())
    assert text.index("a: helped.") < text.index("What &lt;it&gt; says")


def test_equal_pages_are_equal_files():
    assert render(page()) == render(page())


def test_marks_that_turn_text_around_are_shown_by_their_numbers():
    assert neutral("a\u202eb\u2066c") == "a[U+202E]b[U+2066]c"
    assert neutral(3) == 3
    assert "[U+202E]" in render(page(title="x\u202ey"))
