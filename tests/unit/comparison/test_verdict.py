import numpy as np
import polars as pl
import pytest
import torch

from cotrain.comparison._verdict import OneSeed, verdicts
from cotrain.evaluation import evaluate
from cotrain.tasks import Binary, Regression
from cotrain.training import Examples

N = 300


@pytest.fixture(scope="module")
def problem():
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 2, N)
    task = Binary("y")
    frame = pl.DataFrame({"y": truth})
    task.fit(frame)
    targets, mask = task.encode(frame)
    signs = 2.0 * torch.from_numpy(truth)[:, None].float() - 1
    noise = torch.from_numpy(generator.normal(size=(N, 1))).float()
    return task, Examples({}, {"y": targets}, {"y": mask}), signs, noise


def judged(problem, joint, alone=None, mask=None, **options):
    task, test, _, _ = problem
    if mask is not None:
        test = Examples({}, test.targets, {"y": mask})
    constants = {"y": torch.zeros(1)}
    table = evaluate([task], {"y": joint}, test.targets, test.masks, constants=constants)
    if alone is not None:
        single = evaluate([task], {"y": alone}, test.targets, test.masks, constants=constants)
        table = table.with_reference("single_task", single)
    lone = {} if alone is None else {"y": alone}
    (found,) = verdicts([task], OneSeed(test, table, {"y": joint}, lone, constants, **options))
    return found


@pytest.mark.parametrize(
    ("sign", "word"),
    [
        (1.0, "better than a constant"),
        (0.0, "no clear difference from a constant"),
        (-1.0, "worse than a constant"),
    ],
)
def test_chance_is_not_better_than_a_constant(problem, sign, word):
    _, _, signs, noise = problem
    found = judged(problem, sign * signs + noise)
    assert found.word == word
    assert word in found.sentence


@pytest.mark.parametrize(
    ("joint", "alone", "leaning"), [(1.0, 0.2, "together"), (0.2, 1.0, "alone"), (1.0, 1.0, "")]
)
def test_one_seed_judges_nothing_and_says_where_it_leans(problem, joint, alone, leaning):
    _, _, signs, noise = problem
    found = judged(problem, joint * signs + noise, alone * signs + noise)
    assert (found.word, found.leaning) == ("not judged", leaning)
    assert "together, " in found.sentence
    assert "alone on this seed: not judged (one seed, " in found.sentence
    assert not {"helped", "hurt"} & set(found.sentence.replace(":", " ").split())


def test_what_neither_network_learns_is_said_so(problem):
    _, _, signs, noise = problem
    more = torch.from_numpy(np.random.default_rng(5).normal(size=(N, 1))).float()
    found = judged(problem, noise, more)
    assert found.word == "learns nothing"
    assert "alone or together" in found.sentence
    # One side that does is enough for a comparison.
    assert judged(problem, noise, signs + noise).word == "not judged"


def test_what_was_not_finished_is_not_compared(problem):
    _, _, signs, noise = problem
    found = judged(problem, signs + noise, 0.2 * signs + noise, unfinished=["y"])
    assert (found.word, found.leaning) == ("unfinished training", "")
    assert "train longer" in found.sentence
    # What the last epochs still better may yet be learned.
    assert judged(problem, noise, noise, unfinished=["y"]).word == "unfinished training"


def test_rows_that_belong_together_count_as_one(problem):
    _, _, signs, noise = problem
    # Nine groups are too few, however many rows they have.
    dependence = {"groups": np.arange(N) % 9}
    found = judged(problem, signs + noise, dependence=dependence)
    assert found.word == "unknown"
    assert "9 labelled test groups; 10 are needed" in found.sentence


def test_without_enough_labels_nothing_is_said(problem):
    _, _, signs, _ = problem
    one = torch.zeros(N, 1, dtype=torch.bool)
    one[0] = True
    assert judged(problem, signs, mask=one).word == "unknown"
    assert judged(problem, signs, signs, mask=one).word == "unknown"


@pytest.mark.parametrize("has_alone", [False, True])
def test_a_sentence_keeps_the_digits_of_a_small_unit(has_alone):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"y": 1e-12 * rng.normal(size=N)})
    task = Regression("y")
    task.fit(frame)
    targets, mask = task.encode(frame)
    test = Examples({}, {"y": targets}, {"y": mask})
    joint = targets + 0.3 * torch.from_numpy(rng.normal(size=(N, 1))).float()
    constants = {"y": torch.zeros(1)}
    table = evaluate([task], {"y": joint}, test.targets, test.masks, constants=constants)
    table = table.with_reference("single_task", table) if has_alone else table
    (found,) = verdicts(
        [task], OneSeed(test, table, {"y": joint}, {"y": joint} if has_alone else {}, constants)
    )
    assert "e-13" in found.sentence
    assert "0.000" not in found.sentence
