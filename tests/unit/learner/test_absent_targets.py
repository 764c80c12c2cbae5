import polars as pl
import pytest

from cotrain import Learner
from cotrain._base import DataError
from cotrain.learner._absent_targets import absent_tasks
from cotrain.tasks import Multiclass, Regression
from cotrain.training import Training

TABLE = pl.DataFrame({"x": [float(i % 7) for i in range(60)], "y": [2.0 * (i % 7) for i in range(60)]})
TABLE = TABLE.with_columns(kind=pl.when(pl.col("x") > 3).then(pl.lit("high")).otherwise(pl.lit("low")))


@pytest.fixture(scope="module")
def learner():
    tasks = [Regression("y"), Multiclass("kind")]
    return Learner(tasks, training=Training(epochs=1)).fit(TABLE)


def test_a_table_with_the_labels_of_one_task_is_evaluated_for_that(learner):
    found = learner.evaluate(TABLE.drop("kind"))
    rows = {row.task: row.n_labelled for row in found}
    assert rows == {"y": 60, "kind": 0}
    whole = {(row.task, row.metric): row.value for row in learner.evaluate(TABLE)}
    assert all(row.value == whole[row.task, row.metric] for row in found if row.task == "y")


def test_a_table_without_any_label_says_what_it_lacks(learner):
    with pytest.raises(DataError, match="target 'y' is not a column"):
        learner.evaluate(TABLE.select("x"))


def test_a_task_of_which_a_column_is_there_is_not_absent(learner):
    fitted = learner.fitted
    table = fitted.preprocessor.table(TABLE.drop("kind"))
    assert [task.name for task in absent_tasks(table, fitted.preprocessor.tasks)] == ["kind"]
    assert absent_tasks(fitted.preprocessor.table(TABLE), fitted.preprocessor.tasks) == []
