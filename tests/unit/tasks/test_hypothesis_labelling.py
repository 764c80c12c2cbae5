"""Texts as labels of rows: every task that says how they are labelled keeps to one contract."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base._ragged import Ragged
from cotrain.tasks import Binary, HypothesisLabelling, Transcription

TASKS = {
    "characters": Transcription("said"),
    "beam": Transcription("said", beam=4),
    "words": Transcription("said", units="words"),
    "silence": Transcription("said", empty="-"),
}


@pytest.fixture(params=sorted(TASKS))
def labelling(request: pytest.FixtureRequest) -> HypothesisLabelling:
    task = TASKS[request.param]
    task.fit(pl.DataFrame({"said": ["ab a", None, "b"]}))
    found = task.hypothesis_labelling()
    assert found is not None
    return found


def test_tasks_of_one_answer_a_row_have_none():
    assert Binary("sold").hypothesis_labelling() is None


def test_what_is_heard_costs_something_and_is_written_out(labelling: HypothesisLabelling):
    generator, lengths = torch.Generator().manual_seed(0), torch.tensor([7, 1, 0, 4])
    outputs = 2 * torch.randn(4, 7, len(labelling.symbols) + 2, generator=generator)
    outputs[..., -1] = (torch.arange(7) < lengths[:, None]).float()
    rows = Ragged.from_padded(outputs, lengths)
    texts = labelling.heard(rows)
    assert texts.dtype == torch.int64
    assert len(texts) == 4
    assert not texts[2].any()
    costs = labelling.costs(rows, texts)
    assert bool((costs >= 0).all())
    assert torch.isfinite(costs).all()
    assert labelling.labellable(rows, texts).dtype == torch.bool
    assert not labelling.labellable(rows, texts)[2]
    written = [labelling.text_of(row) for row in texts.numpy()]
    assert all(set(text) <= set("".join(labelling.symbols) + " ") for text in written)
    # A row costs alone what it costs among others, and padded what it costs ragged.
    alone = [labelling.costs(rows[i : i + 1], texts[i : i + 1]) for i in (0, 1, 3)]
    assert torch.allclose(torch.cat(alone), costs[[0, 1, 3]])
    assert torch.allclose(labelling.costs(outputs, texts)[[0, 1, 3]], costs[[0, 1, 3]])
    assert np.array_equal(labelling.heard(outputs), texts)
