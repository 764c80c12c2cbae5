"""The rule of one standard error: a literal reference, and what must hold of it."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import numpy_generator
from cotrain.learner._answer_choice import (
    CONTENDERS,
    LOSS,
    Answer,
    HeldLabels,
    blended,
    choose_answer,
    shares_of,
)
from cotrain.tasks import Multiclass, Multilabel, Regression

N = 200


def labels(n: int = N, seed: int = 0, *, groups: np.ndarray | None = None) -> HeldLabels:
    """Numbers that are their own coding up to a scale."""
    task, frame = Regression("y"), pl.DataFrame({"y": np.random.default_rng(seed).normal(size=n)})
    task.fit(frame)
    targets, mask = task.encode(frame)
    return HeldLabels(task, targets, mask, {} if groups is None else {"groups": groups})


def outputs(held: HeldLabels, **noise: float) -> dict[str, torch.Tensor]:
    """Outputs that miss the truth by noise of these sizes."""
    return {
        name: held.targets
        + size * torch.from_numpy(numpy_generator(0, name).normal(size=tuple(held.targets.shape))).float()
        for name, size in noise.items()
    }


def literal(held: HeldLabels, said: dict[str, torch.Tensor], *, blend: bool) -> str:
    """The rule in words: rmse, a bootstrap of rows of its own, the first within one standard error."""
    truth = held.task.original(held.targets).numpy()[:, 0]
    of = {name: held.task.scores(said[name]).numpy()[:, 0] for name in CONTENDERS if name in said}
    if blend:
        grid = [0.0, 0.25, 0.5, 0.75]
        mixtures = []
        for shares in itertools.product(grid, repeat=len(of)):
            if sum(shares) == 1:
                mixtures.append(sum(s * one for s, one in zip(shares, of.values(), strict=True)))
        of["blend"] = min(mixtures, key=lambda one: np.mean((one - truth) ** 2))

    def rmse(one: np.ndarray, rows: np.ndarray) -> float:
        return float(np.sqrt(np.mean((one[rows] - truth[rows]) ** 2)))

    every, rng = np.arange(len(truth)), np.random.default_rng(5)
    best = min(of, key=lambda name: rmse(of[name], every))
    singles = [name for name in ("alone", "trees") if name in of]
    single = min(singles, key=lambda name: rmse(of[name], every))
    for name in ("joint", single, "blend"):
        gap = rmse(of[name], every) - rmse(of[best], every)
        drawn = [rng.integers(len(truth), size=len(truth)) for _ in range(2000)]
        error = np.std([rmse(of[name], rows) - rmse(of[best], rows) for rows in drawn])
        if name == best or gap <= error:
            return name
    raise AssertionError


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "noise",
    [
        {"joint": 0.5, "alone": 0.5, "trees": 0.5},
        {"joint": 0.9, "alone": 0.5, "trees": 0.5},
        {"joint": 0.9, "alone": 0.8, "trees": 0.3},
        {"joint": 0.3, "alone": 0.8, "trees": 0.9},
        {"joint": 0.8, "trees": 0.8},
        {"joint": 0.8, "alone": 0.4},
    ],
)
def test_the_choice_is_that_of_the_rule_in_words(noise: dict[str, float], seed: int) -> None:
    held = labels(seed=seed)
    said = outputs(held, **noise)
    for blend in (False, True):
        assert choose_answer(held, said, blend=blend).by == literal(held, said, blend=blend)


def test_equal_contenders_are_the_joint_network() -> None:
    held = labels()
    one = outputs(held, joint=0.5)["joint"]
    found = choose_answer(held, {"joint": one, "alone": one.clone(), "trees": one.clone()})
    assert (found.by, dict(found.weights)) == ("joint", {"joint": 1.0})


def test_a_clear_winner_is_taken_and_the_simpler_of_two() -> None:
    held = labels()
    said = outputs(held, joint=1.0, alone=0.2)
    assert choose_answer(held, said, blend=False).by == "alone"
    twice = said | {"trees": said["alone"].clone()}
    assert choose_answer(held, twice, blend=False).by == "alone"
    assert choose_answer(held, twice, blend=False).values["trees"] == pytest.approx(
        choose_answer(held, twice, blend=False).values["alone"]
    )


def test_independent_errors_are_blended() -> None:
    held = labels(1000)
    found = choose_answer(held, outputs(held, joint=0.5, trees=0.5))
    assert found.by == "blend"
    assert dict(found.weights) == {"joint": 0.5, "trees": 0.5}
    assert found.values["blend"] < 0.8 * found.values["joint"]


def test_the_order_of_the_contenders_does_not_matter() -> None:
    held = labels()
    said = outputs(held, joint=0.6, alone=0.55, trees=0.5)
    found = {
        choose_answer(held, {name: said[name] for name in order}).title
        for order in itertools.permutations(said)
    }
    assert len(found) == 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("noise", [(0.5, 0.5), (0.9, 0.5), (0.3, 0.8)])
def test_a_bad_contender_more_changes_nothing(noise: tuple[float, float], seed: int) -> None:
    held = labels(seed=seed)
    said = outputs(held, joint=noise[0], alone=noise[1])
    bad = {"trees": torch.full_like(held.targets, 50.0)}
    assert choose_answer(held, said | bad, blend=False).by == choose_answer(held, said, blend=False).by
    # Nobody gives it a share either.
    assert choose_answer(held, said | bad).weights == choose_answer(held, said).weights


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_taken_who_is_worse_than_the_best_by_more_than_a_standard_error(seed: int) -> None:
    held = labels(60, seed=seed)
    rng = np.random.default_rng(seed)
    said = outputs(
        held, joint=rng.uniform(0.3, 0.6), alone=rng.uniform(0.3, 0.6), trees=rng.uniform(0.3, 0.6)
    )
    found = choose_answer(held, said, blend=False)
    best = min(found.values, key=lambda name: found.values[name])
    assert found.by == best or held.as_good(held.records(said[found.by]), held.records(said[best]))


def test_groups_are_counted_and_not_rows() -> None:
    """Ten groups that agree within: what 200 rows would tell apart, ten groups do not."""
    who = np.arange(N) // 20
    rows, by_group = labels(), labels(groups=who)
    # Half of the groups have large errors, half small ones; the other's errors are all alike.
    shift = torch.from_numpy(np.where(who % 2, 0.2, 0.6)[:, None]).float()
    one, best = (rows.records(rows.targets + by) for by in (shift, 0.43))
    assert rows.worth(best) > rows.worth(one)
    assert not rows.as_good(one, best)
    assert by_group.as_good(one, best)


@pytest.mark.parametrize(
    ("n", "word"), [(9, "9 labelled validation rows"), (0, "0 labelled validation rows")]
)
def test_too_few_labels_are_the_joint_network(n: int, word: str) -> None:
    held = labels()
    few = HeldLabels(held.task, held.targets, held.mask & (torch.arange(N) < n)[:, None])
    found = choose_answer(few, outputs(held, joint=1.0, alone=0.1))
    assert found.by == "joint"
    assert f"{n} labelled validation rows" in found.reason
    assert found.n_labelled == n


def test_groups_too_few_are_the_joint_network() -> None:
    held = labels(groups=np.arange(N) // 50)
    found = choose_answer(held, outputs(held, joint=1.0, alone=0.1))
    assert (found.by, found.reason) == (
        "joint",
        "too few to choose by: 4 labelled validation groups; 10 are needed",
    )


def test_an_undefined_value_is_never_the_best() -> None:
    held = labels()
    said = outputs(held, joint=0.5) | {"alone": torch.full_like(held.targets, float("nan"))}
    assert choose_answer(held, said).by == "joint"


@pytest.mark.parametrize("members", [["joint", "alone"], ["joint", "trees"], ["joint", "alone", "trees"]])
def test_shares_are_every_mixture_of_quarters(members: list[str]) -> None:
    found = shares_of(members)
    assert all(sum(one.values()) == 1 and len(one) > 1 for one in found)
    assert len({tuple(sorted(one.items())) for one in found}) == len(found) == {2: 3, 3: 12}[len(members)]
    assert max(found[0].values()) == min(max(one.values()) for one in found)


def test_the_mean_of_scores_is_weighted() -> None:
    held = labels()
    scores = {"joint": np.ones((N, 1)), "trees": np.full((N, 1), 5.0)}
    output = blended(held.task, scores, {"joint": 0.25, "trees": 0.75})
    np.testing.assert_allclose(held.task.scores(output).numpy(), 4.0, rtol=1e-6)


def test_the_better_one_of_two_single_ones_is_taken_whichever_it_is() -> None:
    held = labels()
    for better, worse in (("alone", "trees"), ("trees", "alone")):
        said = outputs(held, joint=1.0, **{better: 0.3, worse: 0.31})
        found = choose_answer(held, said, blend=False)
        assert found.by == min((better, worse), key=lambda name: found.values[name])


@pytest.mark.parametrize("n", [60, 2000])
def test_classes_are_compared_by_their_loss_where_the_metric_counts_hits(n: int) -> None:
    """Both are right as often; one is surer where it is right."""
    task, frame = Multiclass("c"), pl.DataFrame({"c": [f"c{i % 3}" for i in range(n)]})
    task.fit(frame)
    held = HeldLabels(task, *task.encode(frame))
    one_hot = torch.nn.functional.one_hot(held.targets[:, 0].long(), 3).float()
    wrong = (torch.arange(n) % 5 == 0)[:, None]
    sure = torch.where(wrong, one_hot.roll(1, dims=1), 3 * one_hot)
    found = choose_answer(held, {"joint": sure.sign() * 0.1, "alone": sure}, blend=False)
    assert (found.by, found.metric) == ("alone", "loss")
    loss = float(task.loss(sure, held.targets, held.mask))
    assert found.values["alone"] == pytest.approx(loss, rel=1e-6)


def test_the_loss_counts_labelled_entries_alone() -> None:
    task, frame = Multilabel("m", ["a", "b"]), pl.DataFrame({"a": [0, 1] * 20, "b": [1, None] * 20})
    task.fit(frame)
    held = HeldLabels(task, *task.encode(frame))
    assert held.metric is LOSS
    output = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    loss = float(task.loss(output, held.targets, held.mask))
    assert held.metric.value(held.records(output)) == pytest.approx(loss, rel=1e-6)
    assert held.records(output).shape == (40, 2)


def test_an_answer_comes_back_from_json() -> None:
    answer = Answer(
        "blend", {"joint": 0.5, "trees": 0.5}, "rmse", {"joint": 1.0, "trees": float("nan")}, 7, "so"
    )
    again = Answer.from_json(answer.to_json())
    assert (again.by, again.weights, again.n_labelled, again.title) == (
        "blend",
        answer.weights,
        7,
        "0.5 joint + 0.5 trees",
    )
    assert np.isnan(again.values["trees"])


@pytest.mark.parametrize(
    "change",
    [
        {"by": "me"},
        {"weights": {"me": 1.0}},
        {"weights": {"joint": 0.5}},
        {"weights": {"joint": 2, "trees": -1}},
    ],
)
def test_answers_that_are_none_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"nobody|shares"):
        Answer.from_json(Answer().to_json() | change)
