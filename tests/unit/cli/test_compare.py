from cotrain.cli._compare import print_results

RESULTS = {
    "chosen": "HardSharing",
    "seeds": [0, 1, 2],
    "tasks": [
        {
            "name": "big",
            "metric": "auroc",
            "direction": "max",
            "figures": {"HardSharing": {"mean": 0.8125}, "constant": {}},
        },
    ],
    "verdicts": {"HardSharing": [{"sentence": "big: helped."}]},
    "verdicts_over_all": {"HardSharing": {"sentence": "all tasks: helped."}},
    "verdicts_on_trees": [{"word": "worse", "sentence": "big: worse."},
                          {"word": "no clear difference", "sentence": "small: no clear difference."}],
    "methods": [
        {"name": "HardSharing", "delta_m": 0.0123, "delta_m_per_metric": None, "worst_task": "big",
         "mean_rank": 1.0, "failed": None},
        {"name": "broken", "delta_m": None, "delta_m_per_metric": None, "worst_task": None,
         "mean_rank": None, "failed": "ValueError: no"},
    ],
    "definition": "delta_m is a mean.", "definition_per_metric": "", "notes": ["One note."],
}  # fmt: skip


def test_the_verdict_of_the_chosen_method_comes_first(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    print_results(RESULTS)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "Best on the validation rows: HardSharing.",
        "• big: helped.",
        "• all tasks: helped.",
        "• Against boosted trees: big: worse.",
    ]
    text = "\n".join(lines)
    for shown in ("mean of 3 seeds", "0.812", "+1.23%", "delta_m is a mean.", "One note."):
        assert shown in text


def test_who_answers_is_said_before_the_figures(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    answers = {
        "answers": [{"task": "big", "sentence": "big: trees at all 3 seeds."}],
        "verdicts_on_answer": [{"sentence": "big: better (auroc 0.9, together 0.8)."}],
    }
    print_results(RESULTS | answers)
    lines = capsys.readouterr().out.splitlines()
    assert lines[4:6] == [
        "→ Who answers for big: trees at all 3 seeds.",
        "• Who answers: big: better (auroc 0.9, together 0.8).",
    ]


def test_what_has_failed_says_why(capsys):
    print_results(RESULTS)
    assert "broken has failed: ValueError: no" in capsys.readouterr().out


def test_a_configuration_without_such_a_section_still_gets_a_sentence_for_a_bad_key(cotrain, run):
    status, _, err = cotrain("compare", "job.yaml", "--set", "compare.sedes=3")
    assert status == 2
    assert "sedes" in err
