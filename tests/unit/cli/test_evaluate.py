import json


def test_figures_are_printed_and_the_json_holds_the_same(cotrain, run):
    status, out, _ = cotrain("evaluate", run, "table.csv")
    assert status == 0
    assert "auroc" in out
    assert "constant" in out
    status, out, _ = cotrain("evaluate", run, "table.csv", "--json")
    assert {row["task"] for row in json.loads(out)} == {"big", "price"}


def test_a_folder_that_is_no_run_gets_a_sentence(cotrain, run):
    status, out, err = cotrain("evaluate", run.parent, "table.csv")
    assert (status, out) == (2, "")
    assert err.startswith("Error: ")
    assert "Traceback" not in err


def test_a_query_beside_several_sources_is_refused(cotrain, run):
    # It was left out without a word.
    status, out, err = cotrain("evaluate", run, "a=table.csv", "b=table.csv", "--query", "SELECT 1")
    assert (status, out) == (2, "")
    assert "--query goes with one database" in err
