"""The one place where errors become sentences: by their kind, wherever they come from."""

from __future__ import annotations

import errno

import typer

from cotrain._base import CotrainError, visible_line

#: Longest sentence on the command line; the middle of a longer one is left out.
LONGEST = 400
#: What to do, where the operating system says what is wrong.
_ADVICE = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.EACCES: "choose another place, or get leave to use this one",
    errno.EPERM: "choose another place, or get leave to use this one",
    errno.EROFS: "choose a place that can be written to",
    errno.ENOENT: "look at the name",
    errno.ENOTDIR: "a part of the name is a file: look at the name",
    errno.EISDIR: "it is a folder: name a file",
    errno.EEXIST: "it is there already: choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "close other programs",
}
#: Mistakes in a command line itself, whichever of its two homes typer takes them from.
USAGE_ERRORS: tuple[type, ...] = (typer.BadParameter.__mro__[2],)


def sentence_of(error: BaseException) -> str | None:
    """Return what to tell a person about an error, on one line; `None` for a fault of this library.

    Args:
        error: what was raised.

    Example:
        >>> sentence_of(PermissionError(13, "Permission denied", "runs/a"))
        'runs/a: Permission denied: choose another place, or get leave to use this one.'
        >>> sentence_of(ZeroDivisionError())
    """
    told = _told(error)
    if told is None:
        return None
    line = visible_line(told)
    if len(line) > LONGEST - 20:
        half = (LONGEST - 30) // 2
        line = f"{line[:half]} … {line[-half:]}"
    return line


def _told(error: BaseException) -> str | None:
    if isinstance(error, CotrainError):
        return str(error) or type(error).__name__
    if isinstance(error, USAGE_ERRORS):
        return str(getattr(error, "format_message", error.__str__)())
    if isinstance(error, OSError):
        place = error.filename or error.filename2
        reason = error.strerror or str(error) or type(error).__name__
        advice = _ADVICE.get(error.errno or 0)
        return "".join([f"{place}: " if place else "", reason, f": {advice}" if advice else "", "."])
    if isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error) or _is_device_memory(error):
        return "There is not enough memory: take fewer rows, a smaller batch_size or a narrower network."
    if isinstance(error, RecursionError):
        return "A file or value is nested too deeply to be read."
    if isinstance(error, UnicodeError):
        return f"A text is not valid UTF-8: {error}."
    return None


def _is_device_memory(error: BaseException) -> bool:
    return type(error).__name__ == "OutOfMemoryError"
