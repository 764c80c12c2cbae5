"""Several gloo processes end with the weights of one process on the joined batch."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from processes import wait_for_all

WORKER = Path(__file__).with_name("distributed_worker.py")


def launch(n_ranks: int, folder: Path) -> dict[str, Any]:
    outs = [folder / f"rank{rank}.json" for rank in range(n_ranks)]
    with contextlib.ExitStack() as files:
        ranks = [
            subprocess.Popen(
                [sys.executable, str(WORKER), str(rank), str(n_ranks), str(folder / "store"), str(out)],
                stdout=files.enter_context(out.with_suffix(".txt").open("w")),
                stderr=subprocess.STDOUT,
            )
            for rank, out in enumerate(outs)
        ]
        wait_for_all(ranks)
    said = "\n".join(out.with_suffix(".txt").read_text() for out in outs)
    assert not any(rank.returncode for rank in ranks), said
    results = [json.loads(out.read_text()) for out in outs]
    assert all(result["errors"].keys() == results[0]["errors"].keys() for result in results)
    worst = {name: max(result["errors"][name] for result in results) for name in results[0]["errors"]}
    return {"errors": worst, "said": results[0]["said"]}


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.slow)])
def ranks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return launch(request.param, tmp_path_factory.mktemp(f"ranks{request.param}"))


def test_equals_one_process_on_the_joined_batch(ranks):
    assert len(ranks["errors"]) > 15
    too_far = {
        name: error
        for name, error in ranks["errors"].items()
        if not error <= (1e-6 if "float32" in name else 1e-12)
    }
    assert not too_far


def test_what_would_drift_apart_is_refused(ranks):
    for name, text in ranks["said"].items():
        expected = "Balance(model=...)" if name == "no model" else "balance.combine(losses).backward()"
        assert expected in text, name
