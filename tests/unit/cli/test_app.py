import pytest

import cotrain as library
from cotrain._base import DataError
from cotrain.cli import _app


def test_the_version_is_that_of_the_library(cotrain):
    status, out, _ = cotrain("--version")
    assert (status, out.strip()) == (0, library.__version__)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (DataError("One cell is bad."), 2, "Error: One cell is bad."),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_what_goes_wrong_ends_in_a_status_and_a_line(cotrain, monkeypatch, error, status, said):
    def fail(**options):
        raise error

    monkeypatch.setattr(_app, "app", fail)
    assert cotrain() == (status, "", said + "\n")


def test_a_fault_of_the_library_is_not_dressed_up_as_the_users(cotrain, monkeypatch):
    def fail(**options):
        raise ZeroDivisionError

    monkeypatch.setattr(_app, "app", fail)
    with pytest.raises(ZeroDivisionError):
        cotrain()
