import json

from cotrain.cli._analyze import _print_rounds


def test_tasks_and_what_stands_out_are_printed(cotrain, run):
    status, out, _ = cotrain("analyze", run)
    assert status == 0
    assert "•" in out
    assert "Tasks: labels on training rows" in out


def test_without_records_of_gradients_it_is_said_how_to_get_them(cotrain, run):
    _, out, _ = cotrain("analyze", run, "--json")
    found = json.loads(out)
    assert found["gradients"] is None
    assert any("monitor" in sentence for sentence in found["sentences"])


def test_a_folder_that_is_no_run_gets_a_sentence(cotrain, run):
    status, _, err = cotrain("analyze", run.parent)
    assert status == 2
    assert "does not exist" in err


def test_rounds_of_several_strategies_say_whose_they_are(capsys):
    one = {"accepted": 9, "estimated_accuracy": 0.9, "note": ""}
    rounds = [
        {"round": 1, "tasks": {"a": one}, **whose}
        for whose in ({"strategy": "Committee"}, {"strategy": "MeanTeacher"}, {})
    ]
    _print_rounds({"stopped": "all 1 rounds are done", "rounds": rounds})
    out = capsys.readouterr().out
    assert "Committee 1" in out
    assert "MeanTeacher 1" in out
