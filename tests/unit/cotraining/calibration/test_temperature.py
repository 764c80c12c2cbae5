from __future__ import annotations

import numpy as np
import pytest
import torch

from cotrain.cotraining import Temperature

from .overconfident import overconfident


def test_temperature_never_changes_the_prediction():
    p, truth = overconfident(right=0.2)
    assert torch.equal(Temperature().fit(p, truth, truth >= 0).apply(p).argmax(-1), p.argmax(-1))


def test_one_temperature_is_the_power_that_fits_best_of_a_fine_grid():
    p, truth = overconfident()
    fitted = Temperature().fit(p, truth, truth >= 0)

    def loss(power: float) -> float:
        tempered = p**power / (p**power).sum(dim=-1, keepdim=True)
        return float(-tempered.gather(-1, truth[..., None]).clamp(min=1e-12).log().mean())

    best = min((power / 200 for power in range(2, 400)), key=loss)
    wanted = p**best / (p**best).sum(dim=-1, keepdim=True)
    assert torch.allclose(fitted.apply(p), wanted, atol=0.02)


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_best_of_the_whole_grid(seed: int):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(50, 2, 4, generator=generator) * (0.2 + seed)
    truth = torch.randint(0, 4, (50, 2), generator=generator)
    truth = torch.where(torch.rand(50, 2, generator=generator) < seed / 11, logits.argmax(dim=-1), truth)
    p = torch.softmax(logits, dim=-1)
    shares = [(0.5 + float((truth == c).sum())) / (2.0 + truth.numel()) for c in range(4)]

    def loss(temperature: float) -> float:
        tempered = torch.log_softmax(p.clamp(min=1e-7).log() / temperature, dim=-1)
        one_more = -sum(share * float(tempered[..., c].mean()) for c, share in enumerate(shares))
        return float(-tempered.gather(-1, truth[..., None]).mean()) + one_more / truth.numel()

    found = Temperature().fit(p, truth, truth >= 0).temperature
    assert loss(found) == pytest.approx(min(map(loss, np.geomspace(0.25, 20.0, 89))), abs=1e-6)


@pytest.mark.parametrize("labels", [10, 20, 60])
def test_labels_that_are_all_right_leave_it_as_unsure_as_one_that_is_unknown(labels: int):
    p = torch.tensor([[[0.97, 0.03]], [[0.03, 0.97]]]).repeat(labels // 2, 1, 1)
    truth = p.argmax(dim=-1)
    sure = Temperature().fit(p, truth, truth >= 0).apply(p).amax(dim=-1)
    # Half of one more label is wrong.
    assert float(1 - sure.mean()) == pytest.approx(0.5 / (labels + 1), rel=0.1)


@pytest.mark.parametrize(("n", "left_alone"), [(9, True), (10, False)])
def test_a_few_labels_move_nothing(n: int, left_alone: bool):
    sure = torch.tensor([[[0.99, 0.01]]]).repeat(n, 1, 1)
    truth = (torch.arange(n) % 2)[:, None]
    assert (Temperature().fit(sure, truth, truth >= 0).temperature == 1.0) == left_alone
