import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison._equal_sides import some_inputs, with_own_epochs
from cotrain.comparison._methods import POOLED, SINGLE_TASK, TREES, methods_of
from cotrain.comparison._settings import ComparisonSettings
from cotrain.learner._single_task import with_equal_steps


def test_every_network_of_a_comparison_has_the_same_steps_and_rule():
    learner = ct.Learner(
        [ct.tasks.Regression("a"), ct.tasks.Regression("b")], training=ct.Training(epochs=10, batch_size=50)
    )
    settings = ComparisonSettings(references=("single_task", "pooled", "trees"))
    methods, _ = methods_of(learner, settings, {"a": 100, "b": 500}, 500)
    epochs = {(m.method, m.tasks): m.learner.training.epochs for m in methods if m.method != TREES}
    assert epochs["HardSharing + ReferenceScaled", ("a", "b")] == 10
    assert epochs[SINGLE_TASK, ("a",)] == 50
    assert epochs[SINGLE_TASK, ("b",)] == 10
    assert epochs[POOLED, ("a", "b")] == 8
    assert {m.learner.training.select for m in methods} == {"per_task"}
    assert learner.training.select == "auto"


def test_the_last_epoch_stays_the_last():
    learner = ct.Learner([ct.tasks.Regression("a")], training=ct.Training(select="last"))
    assert with_own_epochs(learner).training.select == "last"


@pytest.mark.parametrize("kind", ["words", "numbers"])
def test_what_is_automatic_is_that_of_the_joint_fit_for_sentences_too(kind: str):
    words = [[f"w{i % 7}", "and", f"w{i % 5}", "and"] for i in range(300)]
    x = words if kind == "words" else [float(i % 11) for i in range(300)]
    frame = pl.DataFrame({"x": x, "y": [i % 2 for i in range(300)]})
    learner = ct.Learner([ct.tasks.Binary("y")])
    inputs = some_inputs(learner, frame)
    assert inputs is not None
    joint = learner.training.budget(300, inputs)
    alone = with_equal_steps(learner.training, 300, 300, inputs)
    assert (alone.epochs, alone.batch_size, alone.patience) == (
        joint.epochs,
        joint.batch_size,
        joint.patience,
    )
    assert (joint == learner.training.budget(300)) == (kind == "numbers")


def test_inputs_that_cannot_be_told_are_taken_for_those_of_a_table():
    learner = ct.Learner([ct.tasks.Binary("y")], columns={"nowhere": "number"})
    assert some_inputs(learner, pl.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})) is None
