from __future__ import annotations

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
