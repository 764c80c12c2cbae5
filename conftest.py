"""Leaves the parts of an extra aside where it is not installed, and lets no test depend on the machine."""

from __future__ import annotations

import importlib.util
import os
import random

# The tests run on as many workers as there are cores: more threads would only wait for one another, at up to
# twice the time. This has to be said before NumPy and PyTorch are imported; who says otherwise is heard.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

if importlib.util.find_spec("hypothesis") is not None:  # the environment of Keras has none
    from hypothesis import settings

    # How long an example takes is the affair of the machine and of whoever else works on it.
    settings.register_profile("cotrain", deadline=None)
    settings.load_profile("cotrain")

#: Keras and TensorFlow have an environment of their own: `make test-keras`.
KERAS = importlib.util.find_spec("keras") is not None and importlib.util.find_spec("tensorflow") is not None
collect_ignore_glob = [] if KERAS else ["src/cotrain/keras", "tests/unit/keras", "tests/contracts/keras"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer a random order, by which tests are found that lean on one another."""
    parser.addoption(
        "--shuffle", type=int, metavar="SEED", help="run files, and tests in files, in random order"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Shuffle the files, and the tests of each: what the tests of a file share is made once all the same."""
    seed = config.getoption("--shuffle")
    if seed is not None:
        draw = random.Random(seed)
        place = {path: draw.random() for path in sorted({item.path for item in items})}
        items.sort(key=lambda item: (place[item.path], draw.random()))


def pytest_report_header() -> str | None:
    """Say what is left aside."""
    return None if KERAS else "cotrain.keras is left aside, for Keras is not installed: run make test-keras."
