from pathlib import Path

import pytest

from cotrain.cli._verdict import (
    MOST_PARTS,
    print_by_group,
    print_by_source,
    print_evaluation,
    print_outcome,
)
from cotrain.comparison import RunResult, TaskVerdict
from cotrain.evaluation import EvaluationRow, EvaluationTable


def rows(n_parts):
    beside = {"constant": 0.5, "single_task": 0.7}
    whole = EvaluationRow("genres", "auroc", "max", None, 9, 0.75, beside)
    parts = [EvaluationRow("genres", "auroc", "max", f"part{i}", 9, 0.6, beside) for i in range(n_parts)]
    other = EvaluationRow("genres", "f1", "max", "part0", 9, 0.1, beside)
    return EvaluationTable([whole, *parts, other])


def test_references_stand_beside_the_value_under_their_names(capsys):
    print_evaluation(rows(0))
    out = capsys.readouterr().out
    for text in ("together", "constant", "alone", "0.750", "0.500", "0.700"):
        assert text in out


def test_a_few_parts_are_shown_and_many_are_not(capsys):
    print_evaluation(rows(2))
    out = capsys.readouterr().out
    assert "part1" in out
    assert "f1" not in out
    print_evaluation(rows(MOST_PARTS + 1))
    assert "part1" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("config", "command"),
    [(Path("films.yaml"), "cotrain compare films.yaml"), (None, "cotrain compare run/config.yaml")],
)
def test_the_last_line_says_how_to_get_a_verdict(capsys, config, command):
    verdict = TaskVerdict("price", "rmse", "not judged", "price: not judged.", 0.057)
    outcome = RunResult(EvaluationTable([]), [verdict], None, "", {}, {}, {}, {}, {})
    print_outcome(outcome, Path("run"), config)
    assert capsys.readouterr().out.splitlines()[-1].endswith(f"For a verdict: {command}")


def test_without_networks_alone_there_is_nothing_to_judge(capsys):
    verdict = TaskVerdict("price", "rmse", "better than a constant", "price: better than a constant.")
    print_outcome(RunResult(EvaluationTable([]), [verdict], None, "", {}, {}, {}, {}, {}), Path("run"))
    assert "For a verdict" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("direction", "trees", "said"), [("max", 0.8, True), ("max", 0.7, False), ("min", 0.7, True)]
)
def test_where_trees_are_ahead_it_says_how_the_best_one_answers(capsys, direction, trees, said):
    row = EvaluationRow("genres", "auroc", direction, None, 9, 0.75, {"trees": trees})
    other = EvaluationRow("price", "rmse", "min", None, 9, 0.75, {"trees": 0.9})
    outcome = RunResult(EvaluationTable([row, other]), [], None, "", {}, {"test": 9}, {}, {}, {})
    print_outcome(outcome, Path("run"))
    out = capsys.readouterr().out
    assert ("Boosted trees are ahead on 1 of 2 tasks: with --answer auto" in " ".join(out.split())) == said


def test_an_error_in_a_small_unit_keeps_its_digits(capsys):
    row = EvaluationRow("capacity", "rmse", "min", None, 9, 3.25e-13, {"constant": 9.5e-13})
    table = EvaluationTable([row], {"a": EvaluationTable([row])}, {"g": EvaluationTable([row])})
    printed = [
        lambda: print_evaluation(table),
        lambda: print_by_source(EvaluationTable([row], {"a": table, "b": table})),
        lambda: print_by_group(table, "group"),
        lambda: print(table),
    ]
    for show in printed:
        show()
        out = capsys.readouterr().out
        assert "3.25e-13" in out
        assert "0.000" not in out
