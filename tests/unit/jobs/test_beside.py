"""A call in a process of its own; where there is none, its caller hears so."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
from pathlib import Path
from typing import Any

import joblib
import pytest

from cotrain._base import write_text_atomically
from cotrain.jobs import Beside, spare_cores
from cotrain.jobs._worker_process import worker_context


@pytest.mark.slow
def test_what_succeeds_has_left_its_file(tmp_path: Path) -> None:
    with Beside(write_text_atomically, {"path": tmp_path / "a", "text": "x"}) as beside:
        assert beside.has_succeeded()
    assert (tmp_path / "a").read_text() == "x"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "arguments"),
    [(os._exit, {"status": 3}), (write_text_atomically, {"path": None, "text": ""}), (os.abort, {})],
)
def test_what_dies_or_errs_has_not_succeeded(function: Any, arguments: dict[str, Any]) -> None:
    assert not Beside(function, arguments).has_succeeded()


@pytest.mark.slow
def test_what_still_goes_on_ends_with_what_it_stands_beside() -> None:
    with Beside(multiprocessing.connection.wait, {"object_list": [], "timeout": 10_000.0}) as beside:
        process = beside._process
        assert process is not None
        assert process.is_alive()
    assert not process.is_alive()
    assert not beside.has_succeeded()


def test_where_no_process_can_be_started_nothing_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        def __init__(self, **_: object) -> None: ...

        def start(self) -> None:
            raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr(type(worker_context()), "Process", Refused)
    with Beside(print, {}) as beside:
        assert not beside.has_succeeded()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("cores", "expected"), [(1, 0), (2, 1), (3, 1), (16, 8), (128, 8)])
def test_half_of_the_cores_are_spare_and_none_of_one(
    cores: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    assert spare_cores() == expected
