"""One writer at a time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cotrain._base._errors import RunError

LOCK = ".lock"


@contextmanager
def write_lock(folder: Path) -> Generator[None]:
    """Be the only one who writes to a folder, which is made where there is none.

    The operating system holds the lock and lets go of it when the process ends, however it ends. A thread may
    take it again while it holds it; another thread or process may not.

    Args:
        folder: of a run; gets the file .lock.

    Raises:
        RunError: another process or thread is writing to it, or it is a file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, write_lock(Path(folder)):
        ...     (Path(folder) / ".lock").exists()
        True
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: name a folder for the run.")
    folder.mkdir(parents=True, exist_ok=True)
    # One object per file: it counts how often a thread has taken it, and other threads have to wait.
    lock = FileLock(folder.resolve() / LOCK, is_singleton=True)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise RunError(
            f"{folder} is being written to by another process: wait until it ends, or name another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()
