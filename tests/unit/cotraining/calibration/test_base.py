"""What every calibrator keeps to."""

from __future__ import annotations

import json

import pytest
import torch

from cotrain.cotraining import Calibrator, Isotonic, Temperature

from .overconfident import overconfident

KINDS: list[type[Calibrator]] = [Temperature, Isotonic]


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


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_learned_comes_back_from_json(kind: type[Calibrator]):
    p, truth = overconfident()
    for fitted in (kind(), kind().fit(p, truth, truth >= 0)):
        restored = kind().restored(json.loads(json.dumps(fitted.state_dict())))
        assert torch.equal(restored.apply(p), fitted.apply(p))
