"""Who is fitted beside the joint network, on which rows, and who answers then."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.learner import _contenders as contenders
from cotrain.learner import complete
from cotrain.learner._answer_choice import JOINT, TREES, HeldLabels
from cotrain.learner._contenders import can_have_trees, choose_for
from cotrain.learner._fitting import FitOptions
from cotrain.learner._learner import fit_learner
from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression, Tagging


class Told:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def frame(n: int = 240, seed: int = 0) -> pl.DataFrame:
    """What trees see at once and a network of one epoch does not, with gaps; and a task of five labels."""
    rng = np.random.default_rng(seed)
    x, kind = rng.normal(size=(n, 2)), rng.integers(0, 4, n)
    signal = np.sign(x[:, 0]) * 3 + kind % 2
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "y": x[:, 1],
            "kind": [f"k{k}" for k in kind],
            "price": [None if i % 5 == 0 else v for i, v in enumerate(signal + 0.1 * x[:, 1])],
            "sold": [None if i % 3 == 0 else bool(v > 0) for i, v in enumerate(signal)],
            "few": [float(i) if i < 12 else None for i in range(n)],
        }
    )


def learner(tasks: list[Any] | None = None, **options: Any) -> ct.Learner:
    return ct.Learner(
        tasks or [Regression("price"), Binary("sold"), Regression("few")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(epochs=1, batch_size=64),
        answer="auto",
        **options,
    )


def test_each_task_is_answered_by_whom_the_validation_rows_prefer() -> None:
    told, test = Told(), frame(400, seed=1)
    found = learner().fit(frame(), 0.3, progress=False, loggers=[told])  # ty: ignore[invalid-argument-type]
    assert set(found.answers) == {"price", "sold", "few"}
    assert found.answers["price"] == "trees"
    assert found.answers["few"] == "joint"
    assert found.fitted.answers.of_task["few"].reason.startswith("too few to choose by: ")
    assert [line.split(":")[0] for line in told.lines if "answers (" in line] == ["price", "sold"]
    joint, answered = found.fitted.joint.evaluate(test), found.evaluate(test)
    assert answered.value("price") < 0.3 * joint.value("price")
    assert answered.value("sold") >= joint.value("sold")
    assert answered.value("few") == pytest.approx(joint.value("few"), nan_ok=True)


def test_figures_predictions_and_completed_cells_are_those_of_the_answer() -> None:
    found, test = learner().fit(frame(), 0.3, progress=False), frame(60, seed=1)
    predicted = found.predict(test)
    known = test["price"].is_not_null()
    rmse = float(((predicted["price"] - test["price"]).filter(known) ** 2).mean() ** 0.5)  # ty: ignore
    assert found.evaluate(test).value("price", "rmse") == pytest.approx(rmse, rel=1e-5)
    filled = complete(found, test)
    assert filled["price"].filter(~known).to_list() == predicted["price"].filter(~known).to_list()
    one = found.predict(test.row(0, named=True))
    assert one["price"] == pytest.approx(predicted["price"][0], rel=1e-6)
    outputs = found.outputs(test)
    task = found.preprocessor.tasks[0]
    np.testing.assert_allclose(task.scores(outputs["price"])[:, 0], predicted["price"], rtol=1e-6)


def test_what_confidence_says_is_of_the_answer() -> None:
    found = learner().fit(frame(), 0.3, progress=False)
    joint = ct.Learner(
        [Regression("price"), Binary("sold"), Regression("few")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(epochs=1, batch_size=64),
    ).fit(frame(), 0.3, progress=False)
    (before,), (after,) = (one.fitted.confidence.near["price"] for one in (joint, found))
    assert before is not None
    assert after is not None
    assert after > before
    assert found.fitted.confidence.temperatures == joint.fitted.confidence.temperatures


def test_the_joint_network_is_what_it_would_be_without_the_others() -> None:
    with_them, plain = learner(), learner()
    plain.answer = "joint"
    one, other = (each.fit(frame(), 0.3, progress=False) for each in (with_them, plain))
    test = frame(50, seed=1)
    for name, output in other.outputs(test).items():
        torch.testing.assert_close(one.fitted.joint.outputs(test)[name], output, rtol=0, atol=0)


def test_validation_rows_are_the_same_for_all_and_test_labels_change_nothing(monkeypatch: Any) -> None:
    seen = []
    fit = fit_learner

    def watched(learner: Any, data: Any, validation: Any, options: FitOptions) -> Any:
        seen.append((data.frame.height, validation.frame["x"].to_list()))
        return fit(learner, data, validation, options)

    choose = contenders.fit_contenders
    monkeypatch.setattr(
        "cotrain.learner._learner.fit_contenders",
        lambda *a, fit: choose(*a, fit=watched),
    )
    found = learner().fit(frame(), 0.3, progress=False)
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert found.fitted.answers.of_task["price"].n_labelled > 40


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_seeds_choose_alike(seed: int) -> None:
    one, other = (learner(seed=seed).fit(frame(), 0.3, progress=False) for _ in range(2))
    assert one.fitted.answers.of_task == other.fitted.answers.of_task
    assert one.predict(frame(40, 2)).equals(other.predict(frame(40, 2)))


def test_without_validation_rows_the_joint_network_answers_and_nothing_else_is_fitted(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(contenders, "TreeReference", None)
    found = learner().fit(frame(), None, progress=False)
    assert set(found.answers.values()) == {"joint"}
    assert "no validation rows" in found.fitted.answers.of_task["price"].reason
    assert not found._contenders.singles


def test_a_task_without_validation_labels_is_the_joint_one_and_says_so() -> None:
    train, held = frame(), frame(120, seed=3).with_columns(sold=pl.lit(None, pl.Boolean))
    found = learner().fit(train, held, progress=False)
    assert found.answers["sold"] == "joint"
    assert found.fitted.answers.of_task["sold"].reason == "it has no validation label to choose by"
    assert list(found._contenders.singles) == ["price", "few"] or "sold" not in found._contenders.singles


def test_a_lone_task_has_no_other_network_than_the_joint_one() -> None:
    found = learner([Regression("price")], columns={"sold": "drop", "few": "drop"})
    found = found.fit(frame(), 0.3, progress=False)
    assert set(found.fitted.answers.of_task["price"].values) == {"joint", "trees", "blend"}
    assert not found._contenders.singles


def test_words_have_the_joint_network_and_the_lone_one() -> None:
    rows = [["a", "b", "c"][: 1 + i % 3] for i in range(60)]
    table = pl.DataFrame(
        {
            "words": rows,
            "tags": [["X" if word == "a" else "Y" for word in row] for row in rows],
            "long": [len(row) > 1 for row in rows],
        }
    )
    found = ct.Learner(
        [Tagging("tags"), Binary("long")], training=ct.Training(epochs=1, batch_size=16), answer="auto"
    ).fit(table, 0.4, progress=False)
    assert set(found.fitted.answers.of_task["tags"].values) == {"joint", "alone"}
    assert set(found.fitted.answers.of_task["long"].values) == {"joint", "alone", "trees", "blend"}
    assert found.evaluate(table).tasks == ["tags", "long"]
    assert found.predict(table).columns[0] == "tags"


def test_several_sources_choose_by_their_own_rows() -> None:
    one, other = frame().select("x", "y", "price"), frame(240, 5).select("x", "kind", "sold")
    told = learner([Regression("price"), Binary("sold")])
    found = told.fit({"a": one, "b": other}, 0.3, progress=False)
    assert set(found.answers) == {"price", "sold"}
    tables = {"a": frame(40, 7).select("x", "y", "price"), "b": frame(40, 8).select("x", "kind", "sold")}
    predicted = found.predict(tables)
    assert predicted["a"]["price"].len() == 40
    assert set(found.evaluate(tables).by_source) == {"a", "b"}


def test_groups_of_validation_rows_are_counted_as_a_whole() -> None:
    table = frame()
    model = learner()
    options = FitOptions(progress=False, dependence={"groups": np.arange(120) // 30})
    fit_learner(model, table[:120], table[120:], options)
    answer = model.fitted.answers.of_task["price"]
    assert answer.by == "joint"
    assert "groups" in answer.reason


def test_outputs_that_follow_from_one_another_stay_together() -> None:
    n = 200
    click = np.random.default_rng(0).random(n) < 0.5
    table = pl.DataFrame(
        {"x": np.random.default_rng(1).normal(size=n), "click": click, "buy": click & (np.arange(n) % 2 == 0)}
    )
    model = ct.Learner(
        [Binary("click"), Binary("buy")],
        training=ct.Training(epochs=1, batch_size=64),
        output_space=ct.networks.ESMM(["click", "buy"]),
        answer="auto",
    )
    found = model.fit(table, 0.3, progress=False)
    assert set(found.answers.values()) == {"joint"}
    assert "follow from one another" in found.fitted.answers.of_task["buy"].reason


def test_trees_are_tempered_before_they_compete_and_a_reason_ends_the_contest() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 400)
    task = Binary("y")
    task.fit(pl.DataFrame({"y": truth}))
    targets, mask = task.encode(pl.DataFrame({"y": truth}))
    labels = HeldLabels(task, targets, mask, {})
    right = torch.from_numpy(np.where(random.random(400) < 0.9, truth, 1 - truth) * 2.0 - 1)[:, None].float()
    joint, trees = torch.zeros(400, 1), 30 * right
    found = choose_for(labels, "", joint, {TREES: trees})
    assert found.answer.by == TREES
    assert found.temperature is not None
    assert found.temperature > 5
    torch.testing.assert_close(found.outputs[TREES], trees / found.temperature)
    ended = choose_for(labels, "because", joint, {})
    assert (ended.answer.by, ended.answer.reason, ended.answer.n_labelled) == (JOINT, "because", 400)
    assert ended.temperature is None


def test_who_can_have_trees() -> None:
    table = pl.DataFrame({"y": [0, 1, 0, 1, 2, 2], "t": [["a"], ["b"]] * 3, "s": ["a,b", "a"] * 3})
    for task in (Multiclass("y"), Ordinal("y"), Regression("y"), Multilabel("s", separator=",")):
        task.fit(table)
        assert can_have_trees(task)
    words = Tagging("t")
    words.fit(table)
    assert not can_have_trees(words)


def test_a_dataset_and_a_word_that_is_none_are_refused() -> None:
    class Rows(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, row: int) -> dict[str, Any]:
            return {"x": torch.zeros(2), "price": 1.0}

    with pytest.raises(InvalidArgumentError, match="reads tables"):
        learner([Regression("price")]).fit(Rows(), None, progress=False)
    with pytest.raises(InvalidArgumentError, match="did you mean 'auto'"):
        ct.Learner([Regression("price")], answer="autos")  # ty: ignore[invalid-argument-type]


def test_trees_answer_for_quantiles_too() -> None:
    """Of one, two and three columns: the scores of quantiles have axes of their own."""
    table = frame().with_columns(cost=pl.col("price") * 2, gain=-pl.col("price"))
    tasks = [
        Regression("price", quantiles=[0.1, 0.9]),
        Regression("three", ["cost", "gain", "few"], quantiles=[0.5]),
    ]
    assert all(can_have_trees(task) for task in tasks)
    found = learner(tasks).fit(table, 0.3, progress=False)
    assert "trees" in found.answers["price"]
    test = frame(400, seed=1).with_columns(cost=pl.col("price") * 2, gain=-pl.col("price"))
    assert found.evaluate(test).value("price", "pinball") < 0.3 * found.fitted.joint.evaluate(test).value(
        "price", "pinball"
    )
    predicted = found.predict(test)
    assert (predicted["price_q10"] <= predicted["price"]).all()
    assert (predicted["price"] <= predicted["price_q90"]).all()


def test_a_limit_of_time_is_shared_by_the_joint_network_and_those_for_single_tasks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from cotrain.learner import _fitting, _learner
    from cotrain.training._time_plan import TimePlan

    limits, told = [], Told()
    fit, start, end = fit_learner, _fitting.Fitting.run, TimePlan.end_epoch

    def noted(made: Any, data: object, validation: object, options: FitOptions) -> Any:
        limits.append(options.time_limit)
        assert (made.training.time_limit is None) == (len(limits) > 1)
        return fit(made, data, validation, options)

    def ran(self: Any) -> Any:
        found = start(self)
        assert self.training.time_limit == (limits[-1] or 300)
        self.seconds = 200.0
        return found

    def shortened(self: TimePlan, done: int) -> str:
        self.epochs = 2 if self.limit is not None and len(limits) > 1 else self.epochs
        return end(self, done)

    monkeypatch.setattr(_learner, "fit_learner", noted)
    monkeypatch.setattr(_fitting.Fitting, "run", ran)
    monkeypatch.setattr(TimePlan, "end_epoch", shortened)
    made = learner()
    made.training = ct.Training(epochs=3, batch_size=64, time_limit="10m")
    made.fit(frame(), 0.3, progress=False, loggers=[told])  # ty: ignore[invalid-argument-type]
    assert limits[0] is None
    assert limits[1] == pytest.approx(200)  # of the 400 that are left, for two
    assert limits[2] == pytest.approx(400, abs=30)  # the first of them took next to nothing
    assert any(line.startswith("price alone: 2 of ") and "fewer steps" in line for line in told.lines)
    assert made.config()["training"]["time_limit"] == "10m"
