import numpy as np
import polars as pl
import pytest
import torch

from cotrain.comparison._verdict import verdicts
from cotrain.evaluation import evaluate
from cotrain.tasks import Binary
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


def judged(problem, joint, alone=None, mask=None):
    task, test, _, _ = problem
    if mask is not None:
        test = Examples({}, test.targets, {"y": mask})
    constants = {"y": torch.zeros(1)}
    table = evaluate([task], {"y": joint}, test.targets, test.masks, constants=constants)
    if alone is not None:
        single = evaluate([task], {"y": alone}, test.targets, test.masks, constants=constants)
        table = table.with_reference("single_task", single)
    (found,) = verdicts([task], test, table, {"y": joint}, {} if alone is None else {"y": alone}, constants)
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
    ("joint", "alone", "word"),
    [(1.0, 0.0, "helped"), (0.0, 1.0, "hurt"), (1.0, 1.0, "no clear difference")],
)
def test_against_a_network_alone(problem, joint, alone, word):
    _, _, signs, noise = problem
    found = judged(problem, joint * signs + noise, alone * signs + noise)
    assert found.word == word
    assert found.interval is not None
    assert found.interval[0] <= found.difference <= found.interval[1]


def test_without_enough_labels_nothing_is_said(problem):
    _, _, signs, _ = problem
    one = torch.zeros(N, 1, dtype=torch.bool)
    one[0] = True
    assert judged(problem, signs, mask=one).word == "unknown"
    assert judged(problem, signs, signs, mask=one).word == "unknown"
