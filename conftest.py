"""Leaves the parts of an extra aside where it is not installed."""

from __future__ import annotations

import importlib.util

#: Keras and TensorFlow have an environment of their own: `make test-keras`.
KERAS = importlib.util.find_spec("keras") is not None and importlib.util.find_spec("tensorflow") is not None
collect_ignore_glob = [] if KERAS else ["src/cotrain/keras", "tests/unit/keras", "tests/contracts/keras"]


def pytest_report_header() -> str | None:
    """Say what is left aside."""
    return None if KERAS else "cotrain.keras is left aside, for Keras is not installed: run make test-keras."
