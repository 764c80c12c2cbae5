import errno
import os

import pytest
import typer

from cotrain._base import DataError
from cotrain.cli._errors import LONGEST, sentence_of


@pytest.mark.parametrize(
    "code",
    [
        errno.ENOSPC,
        errno.EACCES,
        errno.EROFS,
        errno.ENOENT,
        errno.EISDIR,
        errno.EIO,
        errno.ENAMETOOLONG,
        None,
    ],
)
def test_every_error_of_the_system_is_a_sentence_with_its_place(code):
    error = OSError("odd") if code is None else OSError(code, os.strerror(code), "runs/a")
    sentence = sentence_of(error)
    assert sentence.endswith(".")
    assert code is None or sentence.startswith(f"runs/a: {os.strerror(code)}")


def test_a_sentence_is_one_line_without_commands_and_never_too_long():
    sentence = sentence_of(DataError("a\nb\x1b[31m " + "x" * 5000 + " end."))
    assert "\n" not in sentence
    assert "\x1b" not in sentence
    assert len(sentence) + len("Error: ") <= LONGEST
    assert sentence.startswith("a b[U+001B]")
    assert sentence.endswith(" end.")


def test_memory_nesting_encoding_and_usage_have_sentences_and_faults_have_none():
    assert "memory" in sentence_of(MemoryError())
    assert "memory" in sentence_of(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert "nested" in sentence_of(RecursionError())
    assert "UTF-8" in sentence_of(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"))
    assert sentence_of(typer.BadParameter("no such thing")) == "Invalid value: no such thing"
    for fault in (KeyError("x"), TypeError("x"), AssertionError(), ZeroDivisionError()):
        assert sentence_of(fault) is None
