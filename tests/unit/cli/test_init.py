import json

import yaml


def test_kinds_of_tasks_are_inferred_and_the_file_is_a_configuration(cotrain, run):
    status, out, err = cotrain("init", "table.csv", "--targets", "big, price", "-o", "new.yaml", "--no-probe")
    assert status == 0, err
    config = yaml.safe_load((run.parent / "new.yaml").read_text())
    assert [(task["kind"], task["name"]) for task in config["tasks"]] == [
        ("Binary", "big"),
        ("Regression", "price"),
    ]
    assert "Wrote new.yaml" in out
    assert "Next: cotrain check new.yaml" in err


def test_nothing_is_replaced_unless_asked_and_the_json_says_why(cotrain, run):
    arguments = ("init", "table.csv", "--targets", "big", "-o", "job.yaml", "--no-probe", "--json")
    status, _, err = cotrain(*arguments)
    assert status == 2
    assert "is there already" in err
    _, out, _ = cotrain(*arguments, "--overwrite")
    assert json.loads(out)["tasks"][0]["name"] == "big"


def test_a_target_that_is_not_there_gets_a_sentence(cotrain, run):
    status, _, err = cotrain("init", "table.csv", "--targets", "bigg", "-o", "new.yaml", "--no-probe")
    assert status == 2
    assert "bigg" in err
    assert not (run.parent / "new.yaml").exists()
