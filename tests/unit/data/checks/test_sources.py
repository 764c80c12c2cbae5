import polars as pl

from cotrain.data.checks import read_labels
from cotrain.data.checks._sources import check_sources
from cotrain.data.sources import read_sources, rows_of_sources
from cotrain.tasks import Regression

TABLE = read_sources(
    {
        "films": pl.DataFrame({"x": [1.0, 2.0], "rating": [1.5, 2.5]}),
        "books": pl.DataFrame({"x": [1.0, 2.0], "z": [0.5, 1.5], "rating": [None, 9.5], "price": [3.0, 4.5]}),
        "more": pl.DataFrame({"x": [3.0, 4.0]}),
    }
)


def found(tasks: list[str], inputs: list[str]) -> list[str]:
    labels, _ = read_labels(TABLE.frame, [Regression(task) for task in tasks])
    problems = check_sources(TABLE.frame, labels, inputs, rows_of_sources(TABLE))
    return [problem.sentence for problem in problems]


def test_a_target_of_several_sources_is_told_once() -> None:
    (sentence,) = [one for one in found(["rating", "price"], ["x"]) if "Target" in one]
    assert "'rating' of task 'rating' has labels in the sources 'films', 'books'" in sentence


def test_a_source_without_labels_and_inputs_that_one_lacks_are_told() -> None:
    sentences = found(["price"], ["x", "z"])
    assert sum("has no label of any task" in one for one in sentences) == 2
    assert any("Source 'films' has no value in the input 'z'" in one for one in sentences)
    assert not any("Source 'books'" in one for one in sentences)


def test_of_one_source_there_is_nothing_to_say() -> None:
    assert check_sources(TABLE.frame, [], ["z"], {}) == []
