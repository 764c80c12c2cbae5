"""A slice of benchmarks/fuzz.py: whatever is typed, the command line ends with 0, or with 2 and one line."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["fuzz"]


@pytest.mark.parametrize("n_cases", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_no_command_ends_in_a_traceback_hangs_or_says_more_than_a_line(fuzz, n_cases, tmp_path):
    # Cases that have been found wrong once, and the first ones.
    once_wrong = [146, 155, 315, 1043, 1588, 1653, 1806, 2310]
    cases = [*once_wrong, *range(5000, 5000 + n_cases)]
    outcomes = list(fuzz.fuzz(cases, tmp_path))
    troubles = [f"case {one.number}: {one.arguments}: {one.trouble}" for one in outcomes if one.trouble]
    assert not troubles, "\n\n".join(troubles)
    assert {one.status for one in outcomes} == {0, 2}


def test_the_fuzzer_sees_a_traceback_a_second_line_and_a_steering_character(fuzz, tmp_path, monkeypatch):
    from cotrain.cli import _app

    def trouble(ending):
        def app(**options):
            return ending()

        monkeypatch.setattr(_app, "app", app)
        return fuzz.run_command(0, [], tmp_path).trouble

    def fault():
        raise ZeroDivisionError

    def long():
        print("Error: " + "x" * 500, file=sys.stderr)
        sys.exit(2)

    def steering():
        print("\x1b[2J", file=sys.stderr)

    def right():
        print("Error: no.", file=sys.stderr)
        sys.exit(2)

    assert "ZeroDivisionError" in trouble(fault)
    assert "without one line" in trouble(long)
    assert "control character" in trouble(steering)
    assert trouble(right) == ""
