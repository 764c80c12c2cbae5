import json

import pytest

pytest.importorskip("optuna", reason="the extra 'hpo' is not installed")


def test_a_search_is_told_and_its_folder_trains(cotrain, run):
    fields = "tune.fields={training.learning_rate: {low: 0.001, high: 0.01, log: true}}"
    status, out, err = cotrain(
        "tune", "job.yaml", "-o", "t", "--set", fields, "--set", "tune.trials=2", "--quiet"
    )
    assert status == 0, err
    assert "Best of 2 trials" in out
    results = json.loads((run.parent / "t" / "tuned.json").read_text())
    assert [trial["state"] for trial in results["trials"]] == ["complete", "complete"]
    assert cotrain("check", "t/config.yaml")[0] == 0


def test_a_configuration_that_names_nothing_to_search_for_gets_a_sentence(cotrain, run):
    status, _, err = cotrain("tune", "job.yaml", "-o", "t")
    assert status == 2
    assert "nothing to search for" in err
