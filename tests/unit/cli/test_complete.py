import json

import polars as pl


def test_given_cells_stay_and_empty_ones_are_filled(cotrain, run):
    status, _, err = cotrain("complete", run, "table.csv", "-o", "c.csv")
    assert status == 0
    assert "Wrote 120 rows" in err
    before, after = pl.read_csv("table.csv"), pl.read_csv("c.csv")
    given = before["big"].is_not_null()
    assert after["big"].null_count() == 0
    assert after.filter(given)["big"].cast(pl.Int64).to_list() == before.filter(given)["big"].to_list()


def test_what_the_run_is_not_sure_of_stays_open(cotrain, run):
    status, out, _ = cotrain("complete", run, "table.csv", "-o", "c.csv", "--min-confidence", "1.0", "--json")
    assert status == 0
    counts = json.loads(out)["cells"]["big"]
    assert counts["given"] == 80
    assert counts.get("open", 0) + counts.get("predicted", 0) == 40
    assert counts.get("open", 0) > 0


def test_other_columns_that_are_called_so_are_not_counted(cotrain, run):
    # They were shown as a target's cells, and one of words with a gap ended in a traceback.
    cells = pl.read_csv("table.csv")
    words = pl.Series("traffic_source", ["ads", None, "mail"] * (cells.height // 3))
    lists = pl.Series("open_source", [["a"], [], None] * (cells.height // 3))
    cells.with_columns(words).write_csv("more.csv")
    cells.with_columns(words, lists).write_ndjson("more.jsonl")
    for table in ("more.csv", "more.jsonl"):
        status, _, err = cotrain("complete", run, table, "-o", "c.jsonl", "--overwrite")
        assert status == 0
        assert "traffic" not in err
        assert "  big: " in err
        status, out, _ = cotrain("complete", run, table, "-o", "c.jsonl", "--overwrite", "--json")
        assert status == 0
        assert set(json.loads(out)["cells"]) == {"big", "price"}
