"""Finished fits on disk, so that a run that was killed does not fit them again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, final

from cotrain._base import RunError, remove_leftovers
from cotrain.training import Fit, FitResult
from cotrain.training._checkpoint import read_checkpoint, write_checkpoint

_PARTS = ("weights", "weights_of", "best_epoch", "history", "skipped", "crossed")


@final
class FitCache:
    """Remembers what every fit of a run gave.

    Co-training is a pure function of the data, the settings and the seed, and all that takes long in it are
    the fits. A run that goes on therefore plays again from the first round; a fit that had ended is read, one
    that was under way goes on from its checkpoint, and every number comes out as if nothing had happened.

    Args:
        folder: where to keep them; `None`: nothing is kept.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        if folder is not None and folder.is_dir():
            remove_leftovers(folder)

    def fit(self, key: str, make: Callable[[Path | None], Fit]) -> FitResult:
        """Return the result of the fit of this name.

        Args:
            key: name of the fit, fit for a file name.
            make: gets the file for the fit's checkpoints and makes the fit.

        Raises:
            RunError: the stored fit is of other training rows.
        """
        if self.folder is None:
            return make(None).run()
        done, under_way = self.folder / f"{key}.fit.pt", self.folder / f"{key}.state.pt"
        fit = make(under_way)
        if done.exists():
            return _read(done, fit.fingerprint)
        if under_way.exists():
            fit.resume()
        result = fit.run()
        write_checkpoint(done, {"fingerprint": fit.fingerprint, **_parts(result)})
        under_way.unlink(missing_ok=True)
        return result

    def path(self, key: str) -> Path | None:
        """Return the file for the state of something that is no single fit; `None`: nothing is kept."""
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{key}.state.pt"

    def part(self, name: str) -> FitCache:
        """Return a store of its own within this one."""
        return FitCache(None if self.folder is None else self.folder / name)

    def clear(self) -> None:
        """Delete all stored fits: the run has ended and its result is kept elsewhere."""
        if self.folder is not None and self.folder.is_dir():
            for pattern in ("**/*.fit.pt", "**/*.state.pt"):
                for path in list(self.folder.glob(pattern)):
                    path.unlink()
            for folder in sorted(
                [*(p for p in self.folder.rglob("*") if p.is_dir()), self.folder], reverse=True
            ):
                if not any(folder.iterdir()):
                    folder.rmdir()


def _parts(result: FitResult) -> dict[str, Any]:
    return {name: getattr(result, name) for name in _PARTS}


def _read(path: Path, fingerprint: str) -> FitResult:
    state = read_checkpoint(path)
    if state["fingerprint"] != fingerprint:
        raise RunError(
            f"{path} belongs to other training rows: the data or the configuration has changed since. "
            "Train again with --overwrite (overwrite=True)."
        )
    return FitResult(**{name: state[name] for name in _PARTS})
