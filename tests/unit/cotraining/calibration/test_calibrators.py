"""What every calibrator keeps to, and what each one does."""

from __future__ import annotations

import json

import pytest
import torch

from cotrain.cotraining import Calibrator, Isotonic, Temperature

KINDS: list[type[Calibrator]] = [Temperature, Isotonic]


def overconfident(n: int = 400, right: float = 0.7, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return predictions that say about .97 and are right in 70 of 100 rows."""
    generator = torch.Generator().manual_seed(seed)
    sure = 0.95 + 0.04 * torch.rand(n, generator=generator)
    predicted = torch.randint(0, 3, (n,), generator=generator)
    p = ((1 - sure) / 2)[:, None].repeat(1, 3).scatter(1, predicted[:, None], sure[:, None])
    truth = torch.where(torch.rand(n, generator=generator) < right, predicted, (predicted + 1) % 3)
    return p[:, None], truth[:, None]


@pytest.mark.parametrize("kind", KINDS)
def test_confidence_becomes_the_share_of_right_predictions(kind: type[Calibrator]):
    p, truth = overconfident()
    fitted = kind().fit(p, truth, torch.ones_like(truth, dtype=torch.bool))
    assert fitted.apply(p).amax(dim=-1).mean().item() == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_still_sum_to_one(kind: type[Calibrator]):
    p, truth = overconfident()
    calibrated = kind().fit(p, truth, truth >= 0).apply(p)
    assert torch.allclose(calibrated.sum(dim=-1), torch.ones(len(p), 1), atol=1e-5)
    assert bool((calibrated >= 0).all())


@pytest.mark.parametrize("kind", KINDS)
def test_few_labels_change_nothing(kind: type[Calibrator]):
    p, truth = overconfident(n=9)
    assert torch.allclose(kind().fit(p, truth, truth >= 0).apply(p), p, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_leaves_the_original_as_it_was(kind: type[Calibrator]):
    p, truth = overconfident()
    original = kind()
    original.fit(p, truth, truth >= 0)
    assert torch.allclose(original.apply(p), p, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_unlabelled_and_unseen_classes_do_not_count(kind: type[Calibrator]):
    p, truth = overconfident()
    mask = torch.arange(len(p))[:, None] < 200
    spoiled = torch.where(mask, truth, torch.full_like(truth, 99))
    expected = kind().fit(p[:200], truth[:200], mask[:200]).apply(p)
    assert torch.allclose(kind().fit(p, spoiled, torch.ones_like(mask)).apply(p), expected)


def test_temperature_never_changes_the_prediction():
    p, truth = overconfident(right=0.2)
    assert torch.equal(Temperature().fit(p, truth, truth >= 0).apply(p).argmax(-1), p.argmax(-1))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learned_comes_back_from_json(kind: type[Calibrator]):
    p, truth = overconfident()
    for fitted in (kind(), kind().fit(p, truth, truth >= 0)):
        restored = kind().restored(json.loads(json.dumps(fitted.state_dict())))
        assert torch.equal(restored.apply(p), fitted.apply(p))
