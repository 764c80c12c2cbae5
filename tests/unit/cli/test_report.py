import json

import pytest

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
pytest.importorskip("jinja2", reason="the extra 'report' is not installed")


def test_a_run_becomes_one_html_file(cotrain, run):
    status, _, err = cotrain("report", run)
    assert status == 0
    assert "Wrote" in err
    text = (run / "report.html").read_text()
    assert text.startswith("<!doctype html>") or text.lower().startswith("<!doctype html>")
    assert "price" in text


def test_one_file_cannot_hold_two_reports(cotrain, run):
    status, _, err = cotrain("report", run, run, "-o", "one.html")
    assert status == 2
    assert "names one file for 2 folders" in err


def test_the_json_names_what_was_written(cotrain, run):
    _, out, _ = cotrain("report", run, "-o", "one.html", "--json")
    (written,) = json.loads(out)
    assert written["output"] == "one.html"
    assert written["bytes"] == (run.parent / "one.html").stat().st_size


def test_rows_are_shown_unless_they_are_left_out(cotrain, run):
    kept = json.loads((run / "examples.json").read_text())
    assert kept["worst"]["price"]
    for options, shown in (((), True), (("--no-rows",), False)):
        assert cotrain("report", run, "-o", "rows.html", *options)[0] == 0
        assert ("worst rows" in (run.parent / "rows.html").read_text()) == shown
