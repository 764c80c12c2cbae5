import itertools

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.networks import ESMM, HardSharing, MultiTaskNetwork
from cotrain.tasks import Binary, Regression


def test_products_of_conditional_probabilities():
    torch.manual_seed(0)
    outputs = {task: torch.randn(50, 1, dtype=torch.float64) for task in ("click", "cart", "buy", "other")}
    given = ESMM(["click", "cart", "buy"])(outputs)
    p = {task: torch.sigmoid(output) for task, output in outputs.items()}
    torch.testing.assert_close(torch.sigmoid(given["click"]), p["click"])
    torch.testing.assert_close(torch.sigmoid(given["cart"]), p["click"] * p["cart"])
    torch.testing.assert_close(torch.sigmoid(given["buy"]), p["click"] * p["cart"] * p["buy"])
    assert given["other"] is outputs["other"]


@pytest.mark.parametrize("size", [0.0, 20.0, 60.0, 200.0])
def test_far_logits_keep_finite_values_and_gradients(size):
    outputs = {
        task: torch.tensor([[a * size], [b * size]], requires_grad=True)
        for task, a, b in (("click", 1, -1), ("buy", 1, 1))
    }
    given = ESMM(["click", "buy"])(outputs)["buy"]
    assert bool(given.isfinite().all())
    given.sum().backward()
    assert all(bool(output.grad.isfinite().all()) for output in outputs.values())


def test_a_head_that_a_later_task_reads_is_shared(recorder):
    sharing = HardSharing().build(recorder, ["click", "buy"])
    heads = {task: nn.Linear(4, 1) for task in ("click", "buy")}
    model = MultiTaskNetwork(sharing, heads, ESMM(["click", "buy"]))
    assert model.task_parameters("click") == []
    assert len(model.task_parameters("buy")) == 2
    model(recorder.inputs)["buy"].sum().backward()
    assert all(parameter.grad is not None for parameter in model.shared_parameters())
    split = [*model.shared_parameters(), *model.task_parameters("buy")]
    assert {id(p) for p in split} == {id(p) for p in model.parameters()}


def test_errors():
    with pytest.raises(InvalidArgumentError, match="at least two different"):
        ESMM(["click"])
    with pytest.raises(InvalidArgumentError, match="did you mean 'click'"):
        ESMM(["clik", "buy"])({"click": torch.zeros(1, 1), "buy": torch.zeros(1, 1)})


def test_unsuitable_tasks_are_refused():
    space = ESMM(["click", "buy"])
    space.check([Binary("click"), Binary("buy"), Regression("price")])
    with pytest.raises(InvalidArgumentError, match="did you mean 'buyy'"):
        space.check([Binary("click"), Binary("buyy")])
    with pytest.raises(InvalidArgumentError, match="'buy' is Regression"):
        space.check([Binary("click"), Regression("buy")])
    with pytest.raises(InvalidArgumentError, match="when='click == 1'"):
        space.check([Binary("click"), Binary("buy", when="click == 1")])


def test_a_learner_predicts_the_later_event_less_often_than_the_earlier(tmp_path):
    generator = np.random.default_rng(0)
    x = generator.normal(size=200)
    click = x + generator.normal(size=200) > 0
    frame = pl.DataFrame({"x": x, "click": click, "buy": click & (generator.random(200) < 0.5)})
    tasks = [Binary("click"), Binary("buy")]
    learner = ct.Learner(tasks, output_space=ESMM(["click", "buy"]), training=ct.Training(epochs=2))
    given = learner.fit(frame, validation=0.2, progress=False).predict(frame)
    assert (given["buy_probability"] <= given["click_probability"] + 1e-6).all()
    assert learner.config()["output_space"] == {"kind": "ESMM", "chain": ["click", "buy"]}
    learner.save(tmp_path / "run")
    assert ct.Learner.load(tmp_path / "run").predict(frame).equals(given)
    with pytest.raises(InvalidArgumentError, match="names the task 'by'"):
        ct.Learner(tasks, output_space=ESMM(["click", "by"]))


def implied_slowly(rows: list[list[float | None]]) -> list[list[float | None]]:
    """Fill the labels of a chain until nothing changes."""
    filled = [list(row) for row in rows]
    for row in filled:
        for i in [*range(len(row)), *range(len(row))][::-1] + list(range(len(row))):
            if row[i] is None and any(later == 1 for later in row[i + 1 :]):
                row[i] = 1.0
            if row[i] is None and any(earlier == 0 for earlier in row[:i]):
                row[i] = 0.0
    return filled


def test_labels_that_the_chain_implies_are_filled_in_for_every_pattern():
    chain = ["a", "b", "c"]
    patterns = list(itertools.product([None, 0.0, 1.0], repeat=3))
    targets = {name: torch.tensor([[row[i] or 0.0] for row in patterns]) for i, name in enumerate(chain)}
    masks = {name: torch.tensor([[row[i] is not None] for row in patterns]) for i, name in enumerate(chain)}
    space = ESMM(chain)
    found, known = space.implied(targets, masks)
    for number, (row, expected) in enumerate(zip(patterns, implied_slowly(patterns), strict=True)):
        one = ({n: t[number : number + 1] for n, t in part.items()} for part in (targets, masks))
        ruled_out = any(row[i] == 0 and 1.0 in row[i + 1 :] for i in range(3))
        assert bool(space.contradiction(*one)) == ruled_out
        if not ruled_out:
            got = [float(found[n][number]) if known[n][number] else None for n in chain]
            assert got == expected


def test_an_implied_label_counts_as_much_as_its_row():
    weights = torch.tensor([[0.5], [3.0], [2.0]])
    targets = {"a": torch.zeros(3, 1), "b": torch.tensor([[1.0], [0.0], [0.0]])}
    masks = {
        "a": weights * torch.tensor([[0.0], [1.0], [0.0]]),
        "b": weights * torch.tensor([[1.0], [0.0], [0.0]]),
    }
    found, counted = ESMM(["a", "b"]).implied(targets, masks)
    assert found["a"].flatten().tolist() == [1.0, 0.0, 0.0]
    assert counted["a"].flatten().tolist() == [0.5, 3.0, 0.0]
    assert counted["b"].flatten().tolist() == [0.5, 3.0, 0.0]
