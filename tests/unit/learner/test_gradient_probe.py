import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain.learner._gradient_probe import GradientProbe


@pytest.fixture
def frame():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 2))
    same = x[:, 0] > 0
    labels = {"same": same, "again": same, "other": x[:, 1] > 0, "seldom": same}
    columns = {name: pl.Series(values).cast(pl.Int64) for name, values in labels.items()}
    columns["seldom"] = columns["seldom"].scatter(list(range(60, 300)), None)
    return pl.DataFrame({"x0": x[:, 0], "x1": x[:, 1], **columns})


def learner(*names):
    return ct.Learner(
        [ct.tasks.Binary(name) for name in names],
        encoder=ct.networks.TableEncoder(width=64, depth=1),
        training=ct.Training(batch_size=32),
        columns={name: "drop" for name in ("same", "again", "other", "seldom") if name not in names},
    )


def test_equal_tasks_agree_more_than_different_ones(frame):
    before = torch.get_rng_state()
    found = GradientProbe.of(learner("same", "again", "other"), frame, steps=60)
    assert torch.equal(before, torch.get_rng_state())
    cosines = {(pair.first, pair.second): pair.cosine for pair in found.pairs}
    assert cosines["same", "again"] > cosines["same", "other"] + 0.2
    assert found.opposed() == []
    assert (found.steps, found.rows) == (60, 300)


def test_rows_and_passes_are_limited_and_rare_tasks_do_no_harm(frame):
    found = GradientProbe.of(learner("same", "seldom"), frame, rows=64)
    assert GradientProbe.of(learner("same", "seldom"), frame, rows=64) == found
    assert found.rows == 64
    assert found.steps == 20  # ten passes over two batches
    assert all(np.isfinite(pair.cosine) for pair in found.pairs)
