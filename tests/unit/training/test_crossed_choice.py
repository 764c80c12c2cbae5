import numpy as np
import polars as pl
import torch

import cotrain as ct
from cotrain._base._ragged import Ragged
from cotrain.training import Examples
from cotrain.training._best_weights import COMBINED
from cotrain.training._crossed_choice import CrossedChoice, half_of_rows
from cotrain.training._validation import Validator

N = 60


def task():
    made = ct.tasks.Regression("y", metrics=["rmse"])
    made.fit(pl.DataFrame({"y": [0.0, 1.0, 2.0]}))
    return made


def rows(targets, mask=None):
    mask = torch.ones(len(targets), 1, dtype=torch.bool) if mask is None else mask
    return Examples({"numbers": torch.zeros(len(targets), 1)}, {"y": targets}, {"y": mask})


def rmse(output, targets):
    return float((output - targets).square().mean().sqrt())


def test_either_half_chooses_the_epoch_that_is_best_on_it():
    generator = torch.Generator().manual_seed(0)
    targets, mask = torch.randn(N, 1, generator=generator), torch.ones(N, 1, dtype=torch.bool)
    mask[::7] = False
    validation, half = rows(targets, mask), half_of_rows(mask)
    crossed = CrossedChoice([task()], validation, validation)
    epochs = [torch.randn(N, 1, generator=generator) for _ in range(30)]
    for number, output in enumerate(epochs):
        crossed.update(number, [(slice(0, N), {"y": output})], lambda n=number: {"n": n}, "per_task")
    for h, (weights, weights_of) in enumerate(crossed.choose(["y"], {"n": -1}, "per_task")):
        kept = mask[:, 0] & (half == h)
        expected = min(range(30), key=lambda e: rmse(epochs[e][kept], targets[kept]))
        assert weights[weights_of["y"]] == {"n": expected}


def test_the_best_of_many_epochs_of_chance_looks_good_where_it_was_chosen_and_only_there():
    looks, chosen, judged = 100, [], []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        targets = torch.randn(N, 1, generator=generator)
        validation, half = rows(targets), half_of_rows(torch.ones(N, 1))
        plain, crossed = Validator([task()], validation, validation), None
        crossed = CrossedChoice([task()], validation, validation)
        outputs = [torch.randn(N, 1, generator=generator) for _ in range(looks)]
        values = []
        for number, output in enumerate(outputs):
            batches = [(slice(0, N), {"y": output})]
            values.append(plain.validate(batches).criteria()[COMBINED])
            crossed.update(number, batches, lambda n=number: {"n": n}, "combined")
        by_half = [weights[of["y"]]["n"] for weights, of in crossed.choose(["y"], {}, "combined")]
        # Each row's output is that of the epoch that the other half chose.
        output = torch.where(half[:, None] == 0, outputs[by_half[1]], outputs[by_half[0]])
        usual = np.mean([rmse(one, targets) for one in outputs])
        chosen.append(usual - rmse(outputs[int(np.argmax(values))], targets))
        judged.append(usual - rmse(output, targets))
    error = np.std(judged) / len(judged) ** 0.5
    assert np.mean(chosen) > 10 * error
    assert abs(np.mean(judged)) < 3 * error


def test_masks_keep_their_type():
    mask = torch.rand(N, 1)
    halves = CrossedChoice([task()], rows(torch.zeros(N, 1)), rows(torch.zeros(N, 1), mask)).validators
    first, second = (one.examples.masks["y"] for one in halves)
    assert torch.equal(first + second, mask)
    flags = mask > 0.5
    halves = CrossedChoice([task()], rows(torch.zeros(N, 1)), rows(torch.zeros(N, 1), flags)).validators
    assert all(one.examples.masks["y"].dtype == torch.bool for one in halves)


def test_rows_without_a_label_do_not_count_and_lists_are_rows():
    mask = torch.tensor([[False], [True], [False], [True], [True]])
    assert half_of_rows(mask).tolist() == [0, 0, 0, 1, 0]
    ragged = Ragged.from_rows([torch.tensor([True]), torch.tensor([False]), torch.tensor([False, True])])
    assert half_of_rows(ragged).tolist() == [0, 0, 1]


def test_its_state_is_taken_over():
    one, other = (CrossedChoice([task()], rows(torch.zeros(4, 1)), rows(torch.ones(4, 1))) for _ in "ab")
    batches = [(slice(0, 4), {"y": torch.ones(4, 1)})]
    one.update(3, batches, lambda: {"n": torch.tensor(3)}, "combined")
    other.load_state_dict(one.state_dict())
    assert other.choose(["y"], {}, "combined") == one.choose(["y"], {}, "combined")
