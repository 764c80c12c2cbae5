"""A column of sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import CotrainError, DataError, InvalidArgumentError, MissingExtraError, RowError
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged
from cotrain._base._sounds import MOST_SECONDS, read_sound, sound_length
from cotrain.data.columns._base import Column, Parts

#: Highest rate where the user names none: what speech has is below 8 kHz.
MOST_RATE = 16_000
#: Bytes that the sounds of a table may take in memory; more are decoded when a batch needs them.
MOST_BYTES = 4 * 2**30
#: Root mean square that every recording is brought to, and the largest factor for that: the noise of a
#: recording of nothing must not become as loud as speech.
LEVEL, MOST_GAIN = 0.1, 1000.0
#: Threads that decode: files are read and decoded beside one another.
_THREADS = 4


@final
class Sound(Column):
    """Sounds: paths, the bytes of files, mappings of `bytes` and `path` or of `array` and `sampling_rate`.

    Every sound is brought to one rate and one channel, and, since recordings differ in loudness many times
    over, to mean 0 and a root mean square of 0.1. A row of n samples gives n numbers; a missing cell is a row
    of none. Where all of them would take more than 4 GB in memory they are decoded batch by batch.

    Args:
        name: name of the column.
        rate: samples a second that networks see, ≥ 1; `None`: the commonest of the training rows, but no more
            than 16,000.
        max_seconds: the most seconds read per row, the first ones; in (0, 3600]. `cut` says how many rows
            lose some.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Example:
        >>> from cotrain._base._sounds import wav_bytes
        >>> tone = np.sin(np.arange(4000) / 3)
        >>> values = pl.Series("said", [wav_bytes(tone, 8000), None, wav_bytes(tone[:80], 8000)])
        >>> column = Sound("said").fit(values)
        >>> column.sound_rate, column.encode(values).sounds.lengths.tolist()
        (8000, [4000, 0, 80])
    """

    cut_by = "max_seconds"
    entries = "seconds"

    def __init__(self, name: str, *, rate: int | None = None, max_seconds: float = 60.0) -> None:
        super().__init__(name)
        if rate is not None and (not isinstance(rate, int) or rate < 1):
            raise InvalidArgumentError(
                f"Column {name!r}: rate is {rate!r}, expected a whole number of samples a second."
            )
        if not 0 < max_seconds <= MOST_SECONDS:
            raise InvalidArgumentError(
                f"Column {name!r}: max_seconds is {max_seconds!r}, expected a number in (0, {MOST_SECONDS}]."
            )
        self.rate = rate
        self.max_seconds = max_seconds

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Look at the heads of the files for their rates and lengths."""
        known = [found for found in self._lengths(values) if found is not None]
        if not known:
            raise DataError(f"Column {self.name!r}: no row has a sound.")
        rates = Counter(rate for _, rate in known)
        commonest = max(rates, key=lambda rate: (rates[rate], rate))
        return {
            "rate": min(commonest, MOST_RATE) if self.rate is None else self.rate,
            "cut": sum(samples > self.max_seconds * rate for samples, rate in known),
        }

    def settle(self) -> None:
        """Set the rate."""
        rate = self.state["rate"]
        if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
            raise DataError(f"The schema is damaged: sounds of column {self.name!r} have the rate {rate!r}.")
        self.sound_rate = rate

    @property
    def cut(self) -> int:
        """Training rows that are longer than what is read of them; known after `fit`."""
        return int(self.state.get("cut", 0))

    def encode(self, values: pl.Series) -> Parts:
        """Decode the sounds of B rows, or note where they lie."""
        seconds = sum(
            min(self.max_seconds, samples / rate) for samples, rate in filter(None, self._lengths(values))
        )
        cells = values.to_list()
        files = [_file_of(cell) for cell in cells]
        in_files = all(file is not None for file, cell in zip(files, cells, strict=True) if cell is not None)
        if in_files and seconds * self.sound_rate * 4 > MOST_BYTES:
            return Parts(sounds=Lazy(files, self._decoded, ragged=True, blank=torch.zeros(0)))
        with ThreadPoolExecutor(_THREADS) as pool:
            # The first row that cannot be read is told, whichever thread was first.
            rows = list(pool.map(self._row, range(len(cells)), cells))
        return Parts(sounds=Ragged.from_rows(rows))

    def _lengths(self, values: pl.Series) -> list[tuple[int, int] | None]:
        """Return samples and rate of every row; `None` where it has no sound."""
        cells = values.to_list()

        def length(row: int) -> tuple[int, int] | None:
            return None if cells[row] is None else self._told(row, sound_length, self._whole(cells[row]))

        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(length, range(len(cells))))

    def _row(self, row: int, cell: Any) -> Tensor:
        return torch.zeros(0) if cell is None else self._told(row, self._decoded, cell)

    def _decoded(self, cell: Any) -> Tensor:
        """Return one sound as the network sees it, float32 [n]."""
        samples = read_sound(self._whole(cell), self.sound_rate)
        if not len(samples):
            name = f"The sound {cell!r}" if isinstance(cell, str) else "A sound"
            raise DataError(f"{name} has no samples: replace it, or empty the cell.")
        return torch.from_numpy(levelled(samples[: max(1, int(self.max_seconds * self.sound_rate))]))

    def _whole(self, cell: Any) -> Any:
        """Return a cell with the rate that the user named for samples that come without one."""
        bare = isinstance(cell, list | np.ndarray | pl.Series)
        return (np.asarray(cell), self.rate) if bare else cell

    def _told(self, row: int, read: Any, cell: Any) -> Any:
        try:
            return read(cell)
        except MissingExtraError:
            raise
        except CotrainError as error:
            raise RowError(f"Column {self.name!r}, row {{row}}: {error}", row) from error


def levelled(samples: np.ndarray) -> np.ndarray:
    """Return samples [n] about 0 with a root mean square of 0.1, float32; silence stays silence.

    Example:
        >>> [round(float(sample), 3) for sample in levelled(np.array([3.0, 1.0, 3.0, 1.0]))]
        [0.1, -0.1, 0.1, -0.1]
    """
    centred = samples - samples.mean(dtype=np.float64)
    loudness = float(np.sqrt(np.square(centred).mean()))
    return (centred * min(LEVEL / max(loudness, 1e-12), MOST_GAIN)).astype(np.float32)


def _file_of(cell: Any) -> str | bytes | None:
    """Return the path or the bytes of a cell; `None` where it holds samples."""
    if isinstance(cell, Mapping):
        return cell.get("bytes") or cell.get("path")
    return cell if isinstance(cell, str | bytes) else None
