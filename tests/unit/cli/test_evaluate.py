import json
from pathlib import Path


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


def test_a_table_with_the_labels_of_one_task_is_evaluated_for_that(cotrain, run):
    lines = [line.rsplit(",", 1)[0] for line in Path("table.csv").read_text().splitlines()]
    Path("half.csv").write_text("\n".join(lines))
    status, out, err = cotrain("evaluate", run, "half.csv", "--json")
    assert status == 0
    assert "Warning: price: the table has no column 'price'; the task is not evaluated." in err
    found = {row["task"]: row["n_labelled"] for row in json.loads(out)}
    assert found["price"] == 0 < found["big"]


def test_the_json_says_which_labels_training_did_not_have(cotrain, run):
    text = Path("table.csv").read_text().splitlines()
    Path("more.csv").write_text("\n".join([*text, "0.1,0.2,7,10.0"]))
    status, out, _ = cotrain("evaluate", run, "more.csv", "--json")
    assert status == 0
    assert {row["task"]: row.get("unseen") for row in json.loads(out)} == {"big": {"big=7": 1}, "price": None}
