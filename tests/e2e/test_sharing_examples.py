"""The examples of sharing run, and show what they say they show."""

from __future__ import annotations

import itertools
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(autouse=True)
def keep_global_seed():
    with torch.random.fork_rng():
        yield


@pytest.mark.slow
def test_first_steps_draws_the_networks_together(capsys):
    example = runpy.run_path(str(EXAMPLES / "first_steps" / "first_steps.py"))
    table = example["main"](rows=300, epochs=10, seeds=1)
    distances = [table[f"soft sharing, {strength:g}"][2] for strength in example["STRENGTHS"]]
    assert all(after < before for before, after in itertools.pairwise(distances))
    assert distances[-1] < 0.05 * distances[0]
    # With no strength, soft sharing is separate networks.
    assert table["soft sharing, 0"][:2] == table["separate"][:2]
    assert all(table[way][0] > 0.4 and table[way][1] > 0.6 for way in ("separate", "hard sharing"))
    assert "soft sharing" in capsys.readouterr().out


def test_mmoe_synthetic_runs(capsys):
    example = runpy.run_path(str(EXAMPLES / "mmoe_synthetic" / "mmoe_synthetic.py"))
    table = example["main"](seeds=1, rows=500, epochs=2, correlations=(1.0, 0.0))
    assert all(np.isfinite(runs).all() and runs.shape == (1, 2) for runs in table.values())
    assert "correlation" in capsys.readouterr().out


@pytest.mark.parametrize("correlation", [1.0, 0.5, 0.0])
def test_mmoe_synthetic_tasks_have_the_correlation_that_was_set(correlation):
    example = runpy.run_path(str(EXAMPLES / "mmoe_synthetic" / "mmoe_synthetic.py"))
    x, y = example["make_data"](correlation, 0, 20000)
    linear = torch.linalg.lstsq(x, y).solution
    # The sines bend the tasks, so that the fitted directions are scaled, not turned.
    cosine = torch.cosine_similarity(linear[:, 0], linear[:, 1], dim=0)
    assert float(cosine) == pytest.approx(correlation, abs=0.1)
