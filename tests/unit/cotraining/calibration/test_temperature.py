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

    def loss(temperature: float) -> float:
        tempered = torch.log_softmax(p.clamp(min=1e-7).log() / temperature, dim=-1)
        return float(-tempered.gather(-1, truth[..., None]).mean())

    found = Temperature().fit(p, truth, truth >= 0).temperature
    assert loss(found) == pytest.approx(min(map(loss, np.geomspace(0.25, 20.0, 89))), abs=1e-6)
