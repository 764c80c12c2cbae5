"""Who works on what, among processes that share a folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any, final

#: A lease whose file has not been touched for so long belongs to nobody any more.
SECONDS = 60.0


@final
class Leases:
    """Lets processes, on one machine or on many, share jobs through files of a common folder.

    The lease of a job is the file KEY.N with the highest N, made so that only one process can succeed
    (O_EXCL), and touched every few seconds while its owner lives. Who finds that a lease has an owner that is
    gone makes KEY.N+1: of several who find it one succeeds, and no file is ever taken from under anybody. An
    owner on this machine is known to be gone when its process is; one elsewhere when its file has not
    changed for `seconds` of the finder's own clock, so that clocks need not agree.

    Args:
        folder: gets the files; all processes see it.
        seconds: patience with an owner that cannot be seen, > 0.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     mine, yours = Leases(Path(folder)), Leases(Path(folder))
        ...     mine.claim("job"), yours.claim("job")
        ...     mine.close()
        ...     yours.close()
        (True, False)
    """

    def __init__(self, folder: Path, seconds: float = SECONDS) -> None:
        self.folder = folder
        self.seconds = seconds
        self._held: dict[str, Path] = {}
        self._seen: dict[Path, tuple[int, float]] = {}
        self._text = json.dumps({**_this_process(), "lease": uuid.uuid4().hex})
        self._stopped = threading.Event()
        folder.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._beat, daemon=True).start()

    def claim(self, key: str) -> bool:
        """Try to become the owner of a job; `False` if another process is."""
        latest = self._latest(key)
        if latest is not None and not self._abandoned(latest):
            return False
        number = 0 if latest is None else _number(latest) + 1
        path = self.folder / f"{key}.{number}"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._text)
        self._held[key] = path
        return True

    def release(self, key: str) -> None:
        """Give a job up: its output is there, or says why there is none.

        A lease that another process has taken over meanwhile, from an owner that it held for gone, stays.
        """
        mine = self._held.pop(key, None)
        if mine is not None:
            self._remove(key, mine)

    def sweep(self, key: str) -> None:
        """Remove the lease of a job whose output is there, if its owner has died before giving it up."""
        latest = self._latest(key)
        if latest is not None and self._abandoned(latest):
            self._remove(key, latest)

    def _remove(self, key: str, latest: Path) -> None:
        for path in self.folder.glob(f"{key}.*"):
            if 0 <= _number(path) <= _number(latest):
                path.unlink(missing_ok=True)

    def owners(self) -> dict[str, str]:
        """Return key -> machine of all jobs that have an owner now."""
        found: dict[str, str] = {}
        for path in sorted(self.folder.glob("*.*")):
            if not self._abandoned(path):
                found[path.stem] = str(_read(path).get("host", ""))
        return found

    def close(self) -> None:
        """Give up all jobs and stop touching files."""
        self._stopped.set()
        for key in list(self._held):
            self.release(key)

    def _latest(self, key: str) -> Path | None:
        leases = (path for path in self.folder.glob(f"{key}.*") if _number(path) >= 0)
        return max(leases, key=_number, default=None)

    def _abandoned(self, path: Path) -> bool:
        """Whether the owner of a lease is gone."""
        try:
            changed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return True
        owner = _read(path)
        if owner.get("machine") == _machine():
            return not _is_alive(int(owner["process"]), owner.get("started"))
        before, since = self._seen.setdefault(path, (changed, time.monotonic()))
        if changed != before:
            self._seen[path] = (changed, time.monotonic())
            return False
        return time.monotonic() - since > self.seconds

    def _beat(self) -> None:
        while not self._stopped.wait(self.seconds / 6):
            for path in list(self._held.values()):
                with contextlib.suppress(FileNotFoundError):
                    os.utime(path)


def _number(path: Path) -> int:
    """Return N of a lease KEY.N; a file of anybody else's has none."""
    return int(path.suffix[1:]) if path.suffix[1:].isdigit() else -1


def _read(path: Path) -> dict[str, Any]:
    """Return the content; nothing while its owner is still writing it, or when it has gone."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}


def _this_process() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "machine": _machine(),
        "process": os.getpid(),
        "started": _started(os.getpid()),
    }


def _machine() -> str:
    """Return what processes that see each other have in common: machine, boot, and container."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _started(process: int) -> str | None:
    """Return when a process began, in ticks since boot: numbers of processes are used again."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]


def _is_alive(process: int, started: object) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _started(process) == started
