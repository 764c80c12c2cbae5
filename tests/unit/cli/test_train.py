import json


def test_a_run_is_made_and_told(cotrain, run):
    status, out, err = cotrain("train", "job.yaml", "--run", "again", "--no-report", "--quiet")
    assert status == 0, err
    assert "The run is in again" in out
    assert "Test figures" in out
    assert (run.parent / "again" / "metrics.json").exists()
    assert not (run.parent / "again" / "report.html").exists()


def test_the_json_is_what_the_folder_holds_and_equal_runs_are_equal(cotrain, run):
    _, out, _ = cotrain("train", "job.yaml", "--run", "again", "--no-report", "--json")
    kept, printed = json.loads((run.parent / "again" / "metrics.json").read_text()), json.loads(out)
    assert printed == kept
    assert {row["task"] for row in printed["rows"]} == {"big", "price"}
    assert (run.parent / "again" / "model.safetensors").read_bytes() == (
        run / "model.safetensors"
    ).read_bytes()


def test_a_run_that_is_there_is_not_replaced_unless_asked(cotrain, run):
    status, _, err = cotrain("train", "job.yaml", "--run", "r", "--quiet")
    assert status == 2
    assert "--overwrite" in err or "overwrite" in err
