import pytest

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.comparison._methods import SINGLE_TASK, TREES, learning_rates, methods_of, tree_learning_rates
from cotrain.comparison._settings import ComparisonSettings


def learner():
    return ct.Learner([ct.tasks.Binary("a"), ct.tasks.Regression("b")])


def test_everything_competes_once_and_a_reference_that_cannot_is_named():
    settings = ComparisonSettings(references=("single_task", "equal", "trees", "pooled"))
    methods, notes = methods_of(learner(), settings)
    assert [m.tasks for m in methods if m.method == SINGLE_TASK] == [("a",), ("b",)]
    assert [m.tasks for m in methods if m.method == TREES] == [("a",), ("b",)]
    joint = [m.method for m in methods if not m.is_reference]
    assert len(set(joint)) == len(joint) == 2
    assert notes == [
        "No pooled network: a is Binary and b is Regression, and one head needs tasks of one kind."
    ]


def test_an_ensemble_and_rounds_of_co_training_are_refused_before_anything_is_fitted():
    settings = ComparisonSettings(cotraining=[None, ct.CoTraining(ct.cotraining.SelfTraining())])
    with pytest.raises(InvalidArgumentError, match="co-training ends with one network"):
        methods_of(ct.Learner([ct.tasks.Binary("a")], ensemble=2), settings)
    assert methods_of(ct.Learner([ct.tasks.Binary("a")], ensemble=1), settings)[0]


def test_a_comparison_says_that_it_chooses_no_thresholds():
    tasks = [ct.tasks.Binary("a", threshold="f1"), ct.tasks.Binary("b", threshold=0.2)]
    _, notes = methods_of(ct.Learner(tasks), ComparisonSettings())
    assert notes == ["Thresholds of a are chosen in a run; a comparison decides at 0.5."]


def test_a_key_names_all_that_a_fit_depends_on():
    (method, *_), _ = methods_of(learner(), ComparisonSettings())
    key = method.cell(0.1, 0, "rows").key
    assert key == method.cell(0.1, 0, "rows").key
    others = [method.cell(0.2, 0, "rows"), method.cell(0.1, 1, "rows"), method.cell(0.1, 0, "other rows")]
    assert len({key, *(other.key for other in others)}) == 4


def test_trees_try_as_many_rates_as_networks_do_around_their_own():
    rates = learning_rates(learner(), ComparisonSettings())
    assert rates[1] == learner().training.budget(1).learning_rate
    assert len(tree_learning_rates(len(rates))) == len(rates)


def test_whose_trees_they_are_is_a_matter_of_the_trees_alone():
    """A network's cell is taken again, whichever trees stand beside it."""
    settings = ComparisonSettings(references=("single_task", "trees"))
    of_other = ct.Learner(learner().tasks, trees="lightgbm")
    (plain, notes), (other, noted) = (methods_of(one, settings) for one in (learner(), of_other))
    same = {
        m.method
        for m, n in zip(plain, other, strict=True)
        if m.cell(0.1, 0, "rows").key == n.cell(0.1, 0, "rows").key
    }
    assert same == {m.method for m in plain} - {TREES}
    assert {m.learner.trees for m in other if m.method == TREES} == {"lightgbm"}
    assert not notes
    assert noted == ["Boosted trees are those of LightGBM."]
    assert of_other.trees == "lightgbm"
