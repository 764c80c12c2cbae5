import pytest

from cotrain.comparison._entry import Entry, winner_of


def entry(name, *scores, reference=False, failed=None):
    return Entry(name, reference, scores={n: [score] for n, score in enumerate(scores)}, failed=failed)


def test_the_winner_is_the_joint_method_with_the_best_mean_on_the_validation_rows():
    entries = [
        entry("a", 0.1, 0.5),
        entry("b", 0.3, 0.4),
        entry("broken", 0.9, failed="why"),
        entry("single_task", 0.9, reference=True),
    ]
    winner = winner_of(entries)
    assert winner is not None
    assert winner.method == "b"
    assert winner.validation == pytest.approx(0.35)


def test_where_all_have_failed_there_is_none():
    assert winner_of([entry("a", failed="why"), entry("single_task", 0.9, reference=True)]) is None
