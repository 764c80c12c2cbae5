"""Where yes begins: the best of all thresholds by the rule, one half where nothing speaks against it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.tasks import Binary, Multilabel
from cotrain.tasks._decision import LEAST, Decision, above

RULES: list[Any] = ["f1", "balanced_accuracy", "youden", {"cost_ratio": 7.0}]


def literal(rule: Any, yes: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    """What a rule wants to be large, of decisions."""
    tp, fp = weights[yes & truth].sum(), weights[yes & ~truth].sum()
    fn, tn = weights[~yes & truth].sum(), weights[~yes & ~truth].sum()
    if rule == "f1":
        return float(2 * tp / (2 * tp + fp + fn))
    if rule == "balanced_accuracy":
        return float((tp / (tp + fn) + tn / (tn + fp)) / 2)
    if rule == "youden":
        return float(tp / (tp + fn) - fp / (fp + tn))
    return float(-(fp + rule["cost_ratio"] * fn))


def rows(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rounded probabilities, so that some are equal; rare positives; weights."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.1
    scores = np.clip(0.25 * truth + rng.beta(2, 8, n), 0.01, 0.99).round(2)
    return scores, truth, rng.uniform(0.5, 2.0, n)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_does_better_on_the_held_out_rows(rule: Any, seed: int, weighted: bool) -> None:
    scores, truth, weights = rows(seed)
    made = Decision.of_rule("Binary", "y", rule)
    assert made is not None
    mask = weights[:, None] if weighted else np.ones((200, 1), bool)
    found, _ = made.choose("y", ["y"], scores[:, None], truth[:, None].astype(float), mask=mask)
    of_row = weights if weighted else np.ones(200)
    (threshold,) = found.thresholds
    ours = literal(rule, scores > threshold, truth, of_row)
    every = [literal(rule, scores > t, truth, of_row) for t in np.linspace(0, 1, 201)]
    assert ours == pytest.approx(max(every))
    assert 0 < threshold < 1


def test_one_half_stays_where_none_is_better_and_where_labels_are_few() -> None:
    scores, truth = np.array([0.1] * 10 + [0.9] * 10), np.array([0.0] * 10 + [1.0] * 10)
    made, known = Decision("f1"), np.ones((20, 1), bool)
    found, sentence = made.choose("y", ["y"], scores[:, None], truth[:, None], mask=known)
    assert found.thresholds == (0.5,)
    assert sentence == ("y: decided at 0.5, by the largest f1 on the validation rows (1.000; 1.000 at 0.5).")
    few = scores * 0.1
    assert made.choose("y", ["y"], few[:, None], truth[:, None], mask=known)[0].thresholds != (0.5,)
    for n_known in (0, 10 + LEAST - 1):
        mask = (np.arange(20) < n_known)[:, None]
        found, sentence = made.choose("y", ["y"], few[:, None], truth[:, None], mask=mask)
        assert found.thresholds == (0.5,)
        assert sentence == ("y: decided at 0.5: fewer than 5 validation rows of yes or of no to choose by.")


def test_each_label_has_a_threshold_of_its_own_and_the_sentence_counts_the_others() -> None:
    scores, truth, _ = rows(1)
    both = np.stack([scores, 1 - scores, scores], axis=1)
    targets = np.stack([truth, ~truth, np.zeros(200)], axis=1).astype(float)
    found, sentence = Decision("f1").choose("t", list("abc"), both, targets, mask=np.ones((200, 3), bool))
    single, _ = Decision("f1").choose("t", ["a"], both[:, :1], targets[:, :1], mask=np.ones((200, 1), bool))
    assert found.thresholds[0] == single.thresholds[0]
    assert found.thresholds[2] == 0.5
    assert "1 of 3 labels stay at 0.5: fewer than 5 validation rows" in sentence


def test_predictions_metrics_that_count_hits_and_the_diagnosis_heed_it_and_probabilities_do_not() -> None:
    plain, low = Binary("y", metrics=["f1", "recall", "auroc", "log_loss"]), Binary("y", threshold=0.2)
    low.metrics = plain.metrics
    output = torch.tensor([[-2.0], [-1.0], [2.0]])  # probabilities .12, .27, .88
    assert [task.predict(output)["y"] for task in (plain, low)] == [[0, 0, 1], [0, 1, 1]]
    assert [task.pseudo_label(output)[:, 0].tolist() for task in (plain, low)] == [[0, 0, 1], [0, 1, 1]]
    assert (plain.predict(output)["y_probability"] == low.predict(output)["y_probability"]).all()
    scores, targets = low.scores(output).numpy(), np.array([[0.0], [1.0], [1.0]])
    known = np.ones((3, 1), bool)
    before, after = (
        {metric.name: metric.compute(scores, targets, known) for metric in task.chosen_metrics()}
        for task in (plain, low)
    )
    assert (before["f1"], after["f1"]) == (pytest.approx(2 / 3), 1.0)
    assert (before["recall"], after["recall"]) == (0.5, 1.0)
    assert {name: before[name] for name in ("auroc", "log_loss")} == {
        name: after[name] for name in ("auroc", "log_loss")
    }
    diagnosis = low.diagnosis()
    (counts,) = diagnosis.summary(diagnosis.record(scores, targets, known), ["y"])["labels"]
    assert (counts["true_positive"], counts["false_negative"]) == (2, 0)
    # Metrics of one record still share it.
    f1, recall, *_ = low.chosen_metrics()
    assert f1.record == recall.record
    assert hash(f1.record) == hash(recall.record)


def test_tags_are_decided_one_by_one() -> None:
    task = Multilabel("t", ["a", "b"], threshold="f1")
    assert task.decision is not None
    task.decision = Decision("f1", (0.2, 0.9))
    probabilities = torch.tensor([[0.3, 0.8], [0.1, 0.95]])
    assert above(task.decision, probabilities).tolist() == [[True, False], [False, True]]
    assert above(task.decision, probabilities.numpy()).tolist() == [[True, False], [False, True]]
    assert above(None, probabilities).tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize(
    "rule", ["auroc", 0.0, 1.0, -1, True, {"cost": 3}, {"cost_ratio": 0}, {"cost_ratio": "x"}, ["f1"], {}]
)
def test_a_rule_that_is_none_is_refused_in_a_sentence(rule: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^Binary\('y', threshold=.*expected[^\n]*\.$"):
        Binary("y", threshold=rule)


def test_without_a_rule_nothing_is_decided_otherwise() -> None:
    assert Binary("y").decision is None
    assert Binary("y", threshold=0.3).decision == Decision(0.3, (0.3,))
