from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cotrain._base import RunError
from cotrain.reporting import analysis_of_folder, comparison_report, report_of_folder

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
pytest.importorskip("jinja2", reason="the extra 'report' is not installed")

NAME = "<b>票房</b>"


def method(name: str, **others: Any) -> dict[str, Any]:
    return {
        "name": name, "reference": False, "failed": None, "learning_rates": {"": 0.002}, "sweeps": {},
        "validation": 0.5, "delta_m": 0.1, "gain_per_task": {NAME: 0.1}, "worst_task": NAME, "mean_rank": 1.0,
        "seconds": 3.0, **others,
    }  # fmt: skip


def figures(mean: float) -> dict[str, Any]:
    return {"mean": mean, "deviation": 0.01, "values": [mean] * 3}


def results() -> dict[str, Any]:
    verdict = {
        "task": NAME, "word": "helped", "sentence": f"{NAME}: helped (so).", "difference": 0.1,
        "interval": [0.05, 0.15], "p_value": 0.001,
    }  # fmt: skip
    return {
        "kind": "comparison", "seeds": [0, 1, 2], "learning_rates": [0.001, 0.002], "chosen": "S + B",
        "methods": [
            method("S + B"),
            method("S + C", failed="RuntimeError: <no>", delta_m=None, mean_rank=None, validation=None),
            method("single_task", reference=True, delta_m=None, worst_task=None, mean_rank=2.0),
        ],
        "tasks": [{"name": NAME, "metric": "auroc", "direction": "max", "n_labelled": 9,
                   "figures": {"S + B": figures(0.9), "single_task": figures(0.8)}}],
        "verdicts": {"S + B": [verdict]},
        "verdicts_over_all": {"S + B": verdict | {"sentence": "all tasks: helped (dm)."}},
        "verdicts_on_trees": [verdict | {"word": "worse"}],
        "definition": "delta_m: a mean.",
        "coverage": {NAME: {"train": 10, "validation": 2, "test": 3}},
        "n_rows": {"train": 10, "validation": 2, "test": 3},
        "seconds": 9.0, "versions": {"python": "3.11"},
    }  # fmt: skip


def test_the_verdict_on_the_chosen_method_comes_first() -> None:
    markup = comparison_report("c", results(), "seed: 0\n")
    assert "Learning together helped &lt;b&gt;票房&lt;/b&gt;" in markup
    assert markup.index("▲ helped") < markup.index("<table")
    assert "<b>票房" not in markup
    assert "+0.100 [+0.050,\u00a0+0.150]" in markup
    assert "all tasks: helped (dm)." in markup
    assert "Boosted trees are better on &lt;b&gt;票房&lt;/b&gt;." in markup
    assert markup.count('role="img"') == 1


def test_what_failed_says_why_as_text() -> None:
    markup = comparison_report("c", results(), "")
    assert "S + C has failed and has no figures: RuntimeError: &lt;no&gt;" in markup


def test_a_comparison_without_verdicts_still_has_a_report(tmp_path: Path) -> None:
    bare = results() | {"chosen": None, "verdicts": {}, "verdicts_over_all": {}, "verdicts_on_trees": []}
    (tmp_path / "results.json").write_text(json.dumps(bare))
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    assert "There is nothing to compare with" in report_of_folder(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(RunError, match="damaged or of another version"):
        report_of_folder(tmp_path)


def test_analyzing_a_comparison_says_what_to_do_instead(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(results()))
    with pytest.raises(RunError, match=r"holds a comparison.*cotrain train"):
        analysis_of_folder(tmp_path)


def test_it_says_how_learning_rates_were_chosen_and_what_could_not_take_part() -> None:
    markup = comparison_report("c", results() | {"notes": ["No pooled network: <b>"]}, "")
    assert "best on the validation rows at each seed" in markup
    assert "No pooled network: &lt;b&gt;" in markup
    first = comparison_report("c", results() | {"sweep": "first_seed"}, "")
    assert "best on the validation rows at the first seed" in first


def test_the_verdict_is_one_plot_with_its_sentences_below_and_the_data_in_the_title() -> None:
    markup = comparison_report("c", results(), "data: tables/films.csv\n")
    assert "<title>films (c)</title>" in markup
    assert markup.count('<span class="strip"><svg') == 2
    assert markup.index('class="strip"') < markup.index("The same in sentences")
    assert "all tasks (delta_m)" in markup
    assert markup.index("all tasks (delta_m)") < markup.index("The same in sentences")
    large = results() | {"n_rows": {"train": 48842, "validation": 1, "test": 3000}}
    assert "48,842 training rows, 1 validation row, 3,000 test rows." in comparison_report("c", large, "")


def test_who_answers_stands_beside_the_ways_of_learning_together() -> None:
    found = results()
    own = found["verdicts"]["S + B"][0] | {"word": "worse", "sentence": "worse (so).", "difference": -0.1}
    found["verdicts"]["answer"] = [own]
    found["methods"].insert(2, method("answer", reference=True))
    found["tasks"][0]["figures"]["answer"] = figures(0.7)
    found |= {
        "answers": [{"task": NAME, "sentence": f"{NAME}: trees at 2 seeds, together at 1 seed."}],
        "verdicts_on_answer": [own],
    }
    markup = comparison_report("c", found, "")
    assert "1 way of learning 1 task together" in markup
    assert "Who answers for &lt;b&gt;票房&lt;/b&gt;: trees at 2 seeds, together at 1 seed." in markup
    assert "Who answers, beside together: worse (so)." in markup
    assert "0.700 ▼" in markup
    assert "1 helped and 1 worse of 2 methods" in markup
