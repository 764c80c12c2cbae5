import json

import pytest
import yaml


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


def test_a_table_and_its_targets_need_no_file(cotrain, run):
    """What init would write is what is trained, and the run holds it."""
    options = ["--targets", "big,price", "--set", "training.epochs=1", "--references", "constant"]
    status, _, err = cotrain("train", "table.csv", *options, "--run", "new", "--no-report")
    assert status == 0, err
    assert "big: Binary; price: Regression" in err
    config = yaml.safe_load((run.parent / "new" / "config.yaml").read_text())
    assert config["data"] == str(run.parent / "table.csv")
    assert config["training"]["epochs"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["job.yaml", "job.yaml"], "2 files were given"),
        (["job.yaml", "--query", "t"], "--query goes with --targets"),
        (["table.csv", "--targets", "bigg"], "did you mean 'big'"),
        (["table.csv"], "table.csv is no configuration file: to train on it as a table, add --targets"),
    ],
)
def test_what_does_not_say_what_to_train_is_refused(cotrain, run, arguments, message):
    status, _, err = cotrain("train", *arguments, "--quiet")
    assert status == 2
    assert message in err


def test_a_preset_and_a_limit_of_time_are_written_into_the_run(cotrain, run):
    options = ["--preset", "best", "--time-limit", "10m", "--references", "constant", "--no-report"]
    status, _, err = cotrain("train", "job.yaml", "--run", "limited", "--quiet", *options)
    assert status == 0, err
    config = yaml.safe_load((run.parent / "limited" / "config.yaml").read_text())
    assert (config["answer"], config["ensemble"]) == ("auto", 3)
    assert config["training"]["time_limit"] == "10m"
    assert "preset" not in config
    status, _, err = cotrain("train", "job.yaml", "--run", "bad", "--time-limit", "soon")
    assert status == 2
    assert "expected seconds, or a time such as 90s, 10m or 1h30m" in err


def test_an_ensemble_is_told_at_the_end_and_at_use_and_the_word_given_wins(cotrain, run):
    options = ["--preset", "best", "--answer", "joint", "--set", "ensemble=2", "--references", "constant"]
    status, out, err = cotrain("train", "job.yaml", "--run", "two", "--no-report", *options)
    assert status == 0, err
    said = "The network is an ensemble: 2 networks from different seeds, mean of their predictions."
    assert f"→ {said}" in out
    assert "Network 2 of 2." in err
    assert yaml.safe_load((run.parent / "two" / "config.yaml").read_text())["answer"] == "joint"
    for command in (["evaluate", "two", "table.csv"], ["predict", "two", "table.csv", "-o", "out.csv"]):
        status, _, err = cotrain(*command)
        assert status == 0, err
        assert said in err


def test_who_answers_is_asked_for_printed_and_told_at_use(cotrain, run):
    options = ["--answer", "auto", "--references", "constant", "--no-report"]
    status, out, err = cotrain("train", "job.yaml", "--run", "best", *options)
    assert status == 0, err
    assert out.count("→ ") == 2
    assert yaml.safe_load((run.parent / "best" / "config.yaml").read_text())["answer"] == "auto"
    answers = {
        one["task"] for one in json.loads((run.parent / "best" / "metrics.json").read_text())["answers"]
    }
    assert answers == {"big", "price"}
    status, _, err = cotrain("train", "job.yaml", "--run", "other", "--answer", "autp", "--quiet")
    assert status == 2
    assert "answer: Input should be 'joint' or 'auto', got 'autp'" in err
