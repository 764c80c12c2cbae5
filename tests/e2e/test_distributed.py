"""Several gloo processes end with the weights of one process on the joined batch, or say why they do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

WORKER = Path(__file__).with_name("distributed_worker.py")


def launch(n_ranks: int, part: str, folder: Path) -> dict[str, Any]:
    outs = [folder / f"rank{rank}.json" for rank in range(n_ranks)]
    ranks = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(rank), str(n_ranks), str(folder / "store"), str(out), part],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank, out in enumerate(outs)
    ]
    try:
        said = [rank.communicate()[0] for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    for rank, text in zip(ranks, said, strict=True):
        assert rank.returncode == 0, text[-3000:]
    results = [json.loads(out.read_text()) for out in outs]
    for what in ("errors", "refused"):
        assert all(result[what].keys() == results[0][what].keys() for result in results)
    worst = {name: max(result["errors"][name] for result in results) for name in results[0]["errors"]}
    return results[0] | {"errors": worst}


@pytest.fixture(
    scope="module",
    params=[
        (2, "quick"),
        pytest.param((2, "rest"), marks=pytest.mark.slow),
        pytest.param((4, "quick"), marks=pytest.mark.slow),
    ],
    ids=lambda pair: f"{pair[0]} ranks, {pair[1]}",
)
def ranks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return launch(*request.param, tmp_path_factory.mktemp("ranks"))


def test_equals_one_process_on_the_joined_batch(ranks):
    assert len(ranks["errors"]) > 100
    assert {name.split(" / ")[2] for name in ranks["errors"] if name.endswith("groups")} >= {
        "plain",
        "ddp no_sync",
    }
    assert any("averaged by hand" in name for name in ranks["errors"])
    too_far = {
        name: error
        for name, error in ranks["errors"].items()
        if not error <= (1e-6 if "float32" in name else 1e-12)
    }
    assert not too_far


#: Weights of its own for each group are no weights of losses either.
BY_ENTRY = "GradDrop"
#: What may be refused: a part of the sentence, and the cells in which it may be said.
REFUSALS = {
    "one backward pass per task": lambda method, how, wrapper: (
        how == "backward" and wrapper.startswith("ddp") and "no_sync" not in wrapper
    ),
    "entry by entry, which weights of losses cannot": lambda method, how, wrapper: method == BY_ENTRY,
    "combines them entry by entry": lambda method, how, wrapper: (
        method == BY_ENTRY and wrapper.startswith("fsdp")
    ),
    "takes independent batches": lambda method, how, wrapper: method == "SDMGrad",
    "instead of balance.combine": lambda method, how, wrapper: how == "combine" and "fsdp" in wrapper,
    "run the first step without no_sync": lambda method, how, wrapper: (
        how == "combine" and wrapper == "ddp static_graph no_sync"
    ),
}


def test_what_is_refused_is_refused_for_a_reason(ranks):
    for name, text in ranks["refused"].items():
        method, how, wrapper = name.split(" / ")[:3]
        method = BY_ENTRY if name.endswith("groups") else method
        assert "\n" not in text
        assert any(part in text and fits(method, how, wrapper) for part, fits in REFUSALS.items()), name


def test_what_would_drift_apart_is_refused(ranks):
    assert len(ranks["said"]) == 4
    for name, text in ranks["said"].items():
        expected = (
            "Balance(model=...)" if name.startswith("no model") else "balance.combine(losses).backward()"
        )
        assert expected in text, name
