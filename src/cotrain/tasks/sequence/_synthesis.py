"""A sound that says a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import DataError, InvalidArgumentError, RowError
from cotrain._base._ragged import Leaf, Ragged
from cotrain._base._sounds import read_sound, sound_length
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._exhibit import Exhibit
from cotrain.tasks._metric import Metric
from cotrain.tasks._prenet import PreNet
from cotrain.tasks._target_kind import NumberTargets
from cotrain.tasks._target_values import check_range, one_column
from cotrain.tasks._weighted_median import weighted_median
from cotrain.tasks.sequence._alignment import divisions, learned_means, least_frames
from cotrain.tasks.sequence._given_columns import UNKNOWN, GivenColumns
from cotrain.tasks.sequence._sound_frames import SoundFrames
from cotrain.tasks.sequence._synthesis_metrics import synthesis_metrics
from cotrain.tasks.sequence._text_prenet import TextPreNet

#: Recordings that the alignment is learned from: the means of characters need no more.
ALIGNED = 500
#: Bounds of the rate of samples where the user names none.
_RATES = (4_000, 24_000)


@final
class Synthesis(Task):
    """A sound that says the text of a row ("text to speech"), as log-mel energies, and of them a wav.

        loss = mean over frames of  Σₘ |m̂ - m| / M  +  λ d̄ / d (log(1 + d̂) - log(1 + d))²

    with m the standardised log-mel energies, and d the frames of the unit (character) that a frame belongs
    to, so that the second term is the mean over units. Which frames belong to which unit is learned from the
    recordings at `fit`, see `cotrain.tasks.sequence._alignment`; no other tool is needed.

    The task reads the columns that it is *given*, through a first stage of its own, and then the same stages
    and architecture as the other tasks. It never reads the sound, which may be an input of other tasks at the
    same time: then name it under `columns:` of the learner. A row without a sound, or without a text, is
    unlabelled. Predictions are whole wav files, by Griffin and Lim's method; a table of them is written with
    paths. A text that is missing gives none.

    Args:
        name: see `Task`.
        columns: see `Task`; one column of paths, bytes, or samples and a rate.
        given: columns that are read: the text that is said, then any categories and numbers, such as the
            speaker; default `["text"]`.
        rate: samples a second of what is learned and predicted; `None`: that of the first recording.
        n_mels: M, mel bands, ≥ 1.
        window: length of a frame in seconds, > 0.
        hop: from frame to frame in seconds, > 0 and at most half the window.
        stride: frames that are one position for the network, ≥ 1.
        duration_weight: λ, ≥ 0.
        iterations: of Griffin and Lim's method, ≥ 0.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`; figures are of frames on the true durations.

    Raises:
        DataError: at `fit`, if there is no sound with a text, or one is too short for its text.

    Source: the parts are those of Ren et al., "FastSpeech 2: Fast and High-Quality End-to-End Text to
    Speech", 2020, https://arxiv.org/abs/2006.04558, without pitch and energy.

    Example:
        >>> tone = np.sin(np.arange(4000) / 5)
        >>> sounds = pl.Series("file", [(tone, 8000), None], dtype=pl.Object)
        >>> task = Synthesis("voice", "file", given=["text"])
        >>> frame = pl.DataFrame({"file": sounds, "text": ["oh", "no"]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> targets.lengths.tolist(), targets.values.shape[1], task.n_outputs
        ([51, 0], 42, 41)
    """

    target_kind = NumberTargets()
    reads = "positions"
    plain_cells = False
    entry_axes = 1

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        given: Sequence[str] = ("text",),
        rate: int | None = None,
        n_mels: int = 40,
        window: float = 0.025,
        hop: float = 0.01,
        stride: int = 2,
        duration_weight: float = 0.1,
        iterations: int = 60,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        self.hop = hop
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        one_column("Synthesis", name, self.columns)
        if isinstance(given, str) or not given or len(set(given)) < len(given):
            raise InvalidArgumentError(
                f"Synthesis({name!r}, given={given!r}): expected a list of different columns, that of the "
                "text first."
            )
        if set(given) & set(self.columns):
            raise InvalidArgumentError(
                f"Synthesis({name!r}, given={list(given)!r}): {self.columns[0]!r} holds the sound that is to "
                "be said: it cannot be given."
            )
        check_range("Synthesis", name, n_mels=(n_mels, 1, 512), stride=(stride, 1, 16))
        check_range("Synthesis", name, window=(window, 1e-3, 1.0), hop=(hop, 1e-3, window / 2))
        check_range("Synthesis", name, duration_weight=(duration_weight, 0.0, 1e6))
        check_range("Synthesis", name, iterations=(iterations, 0, 100_000))
        if rate is not None:
            check_range("Synthesis", name, rate=(rate, 1000, 200_000))
        self.given = list(given)
        self.rate = rate
        self.n_mels = n_mels
        self.window = window
        self.stride = stride
        self.duration_weight = duration_weight
        self.iterations = iterations
        self._given = GivenColumns(name, self.given)
        self._rate = rate or 0
        self._mean, self._deviation = np.zeros(n_mels), 1.0
        #: Mean standardised frame of each unit, and how many frames a unit usually has.
        self._units = np.zeros((0, n_mels))
        self._usual = 1.0

    # -- coding -------------------------------------------------------------------------------------

    @property
    def _frames(self) -> SoundFrames:
        window, hop = round(self.window * self._rate), round(self.hop * self._rate)
        return SoundFrames(self._rate, max(2, window), max(1, hop), self.n_mels)

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the given columns, the loudness of each band, and what each unit sounds like."""
        self._given.fit(frame)
        rows = self._labelled(frame)
        if not rows:
            raise DataError(
                f"Task {self.name!r}: no row has both a sound in {self.columns[0]!r} and a text in "
                f"{self.given[0]!r}: label some, or leave the task out."
            )
        self._rate = self.rate or self._first_rate(frame[self.columns[0]].to_list(), rows)
        if self.n_mels > self._frames.window // 2:
            raise DataError(
                f"Task {self.name!r}: a window of {self.window:g} s has {self._frames.window} samples at "
                f"{self._rate} a second and resolves {self._frames.window // 2} frequencies, so n_mels="
                f"{self.n_mels} must be at most that."
            )
        units, sounds = self._given.units(frame), self._sounds(frame, rows)
        self._require_room(rows, sounds, units)
        every = np.concatenate(sounds).astype(np.float64)
        of_row = self.weights_of(frame)
        weights = None if of_row is None else np.repeat(of_row[rows], [len(sound) for sound in sounds])
        self._mean = np.average(every, axis=0, weights=weights)
        spread = np.average(((every - self._mean) ** 2).mean(axis=1), weights=weights)
        self._deviation = max(1e-3, float(np.sqrt(spread)))
        few = range(0, len(rows), max(1, len(rows) // ALIGNED))
        self._units = learned_means(
            [self._standardised(sounds[i]) for i in few], [units[rows[i]] for i in few], self._given.optional
        )
        of_label = np.ones(len(rows)) if of_row is None else of_row[rows]
        n_frames = float(of_label @ [len(sound) for sound in sounds])
        n_units = float(of_label @ [len(units[row]) for row in rows])
        self._usual = max(1.0, n_frames / n_units)

    def _labelled(self, frame: pl.DataFrame) -> list[int]:
        """Return the rows with a sound and a text."""
        texts = self._given.texts(frame)
        cells = frame[self.columns[0]].to_list()
        return [
            row
            for row, (cell, text) in enumerate(zip(cells, texts, strict=True))
            if text is not None and cell is not None and not (isinstance(cell, str) and not cell.strip())
        ]

    def _first_rate(self, cells: Sequence[Any], rows: Sequence[int]) -> int:
        try:
            return min(max(sound_length(cells[rows[0]])[1], _RATES[0]), _RATES[1])
        except DataError as error:
            raise RowError(f"Task {self.name!r}, row {{row}}: {error}", rows[0]) from error

    def _sounds(self, frame: pl.DataFrame, rows: Sequence[int]) -> list[np.ndarray]:
        """Return the log-mel energies [T, M] of some rows; files are read beside one another."""
        cells, frames = frame[self.columns[0]].to_list(), self._frames

        def read(row: int) -> np.ndarray:
            try:
                return frames.of(cells[row])
            except DataError as error:
                raise RowError(f"Task {self.name!r}, row {{row}}: {error}", row) from error

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(read, rows))

    def _require_room(
        self, rows: Sequence[int], sounds: Sequence[np.ndarray], units: Sequence[np.ndarray]
    ) -> None:
        """Raise `DataError` if a sound has fewer frames than its text has characters."""
        for row, sound in zip(rows, sounds, strict=True):
            needed = least_frames(self._given.optional[units[row]])
            if len(sound) < needed:
                seconds = len(sound) * self.hop
                raise RowError(
                    f"Task {self.name!r}, row {{row}}: a sound of {len(sound)} frames ({seconds:.2f} s) "
                    f"cannot say {needed} characters: it may be cut off, or that of another row; empty the "
                    "cell.",
                    row,
                )

    def _standardised(self, logs: np.ndarray) -> np.ndarray:
        return (logs - self._mean) / self._deviation

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Ragged, Ragged]:
        """Return targets float32 and mask, as ragged rows of frames; none where there is no label.

        A frame is M standardised log-mel energies, the number of its unit in the text, counted from 0, and
        that unit's number of frames.
        """
        self._given.require(frame)
        rows, units = self._labelled(frame), self._given.units(frame)
        sounds = self._sounds(frame, rows)
        self._require_room(rows, sounds, units)
        coded = [self._standardised(sound) for sound in sounds]
        places = divisions(coded, [units[row] for row in rows], self._units, self._given.optional)
        found = [torch.zeros(0, self.n_mels + 2)] * frame.height
        for row, frames, place in zip(rows, coded, places, strict=True):
            durations = np.bincount(place)[place]
            beside = np.stack([place, durations], axis=1)
            found[row] = torch.from_numpy(np.concatenate([frames, beside], axis=1).astype(np.float32))
        targets = Ragged.from_rows(found) if found else Ragged(torch.zeros(0, self.n_mels + 2), _NO_ROWS)
        return targets, targets.map(lambda values: torch.ones(len(values), dtype=torch.bool))

    def own_inputs(self, frame: pl.DataFrame) -> dict[str, Any]:
        """Return the given columns as inputs."""
        return self._given.inputs(frame)

    def can_answer(self, columns: Sequence[str]) -> bool:
        """Whether a table has all given columns."""
        return self._given.are_in(columns)

    def taught_inputs(self, targets: Leaf) -> dict[str, Any]:
        """Return which unit each frame belongs to, as the alignment has it."""
        assert isinstance(targets, Ragged)
        return {self._given.key("places"): targets.map(lambda values: values[:, -2].to(torch.int64))}

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the rows with a character or a category that training did not have."""
        return self._given.unseen(frame)

    def state_dict(self) -> dict[str, Any]:
        """Return the coding of the given columns, the loudness of each band, and the units' means."""
        return {
            "given": self._given.state_dict(),
            "rate": self._rate,
            "mean": self._mean.tolist(),
            "deviation": self._deviation,
            "units": self._units.tolist(),
            "usual": self._usual,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a coding."""
        self._given.load_state_dict(state["given"])
        self._rate = int(state["rate"])
        self._mean, self._deviation = np.array(state["mean"], np.float64), float(state["deviation"])
        self._units, self._usual = np.array(state["units"], np.float64), float(state["usual"])

    # -- network ------------------------------------------------------------------------------------

    @property
    def n_outputs(self) -> int:
        """M + 1: the log-mel energies of a frame, and log(1 + d) of its unit."""
        return self.n_mels + 1

    def output_layer(self, width: int) -> nn.Module:
        """Make a linear layer from a position to `stride` frames of M bands."""
        return nn.Linear(width, self.stride * self.n_mels)

    def prenet(self, width: int) -> PreNet:
        """Make the stage from characters and conditions to positions of the trunk."""
        return TextPreNet(
            self._given.key(""),
            n_units=self._given.n_units,
            optional=UNKNOWN + 1,
            n_categories=[len(known) + 1 for known in self._given.categories.values()],
            n_numbers=len(self._given.numbers),
            width=width,
            stride=self.stride,
            start=float(np.log1p(self._usual)),
        )

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every frame, [...], for outputs [..., M + 1] and targets [..., M + 2]."""
        bands = (output[..., : self.n_mels] - target[..., : self.n_mels]).abs().mean(dim=-1)
        duration = target[..., -1].clamp(min=1)
        error = (output[..., -1] - torch.log1p(duration)).square()
        return bands + self.duration_weight * self._usual / duration * error

    def reference_output(self, targets: Any, mask: Any) -> Tensor:
        """Return the median of every band, and the mean of log(1 + d) over the units, [M + 1]."""
        values, known = (leaf.values if isinstance(leaf, Ragged) else leaf for leaf in (targets, mask))
        frames, weights = values[known > 0], known[known > 0]
        if not len(frames):
            return torch.zeros(self.n_outputs)
        share = weights / frames[:, -1].double().clamp(min=1)
        usual = (torch.log1p(frames[:, -1].double()) * share).sum() / share.sum()
        bands = weighted_median(frames[:, : self.n_mels].double(), weights)
        return torch.cat([bands, usual[None]]).float()

    # -- use ----------------------------------------------------------------------------------------

    def scores(self, output: Tensor) -> Tensor:
        """Return log-mel energies and the duration of the frame's unit in frames, [..., M + 1]."""
        found = full_precision(output)
        return torch.cat([self._logs(found), torch.expm1(found[..., -1:])], dim=-1)

    def original(self, targets: Tensor) -> Tensor:
        """Return targets with log-mel energies that are not standardised."""
        return torch.cat([self._logs(targets), targets[..., self.n_mels :]], dim=-1)

    def _logs(self, values: Tensor) -> Tensor:
        mean = torch.from_numpy(self._mean).to(values.device, values.dtype)
        return values[..., : self.n_mels] * self._deviation + mean

    def predict(self, output: Leaf) -> dict[str, Any]:
        """Return `name` with the bytes of a wav file for every row; none where there is nothing to say."""
        frames = self._frames
        rows = [self._logs(full_precision(row.detach().cpu())).numpy() for row in output]
        cells = [frames.wav(row, self.iterations) if len(row) else None for row in rows]
        return {self.name: pl.Series(self.name, cells, dtype=pl.Binary)}

    def exhibit(self, cell: Any, *, label: bool) -> Exhibit:
        """Return a sound to listen to, and its log-mel energies, at one loudness for all."""
        samples = read_sound(cell, self._rate)
        return Exhibit("sound", array=self._frames.of(cell), samples=samples, rate=self._rate)

    def confidence(self, output: Any) -> Any:
        """Return ½ for every frame: nothing is known of how sure a sound is."""
        values = output.values if isinstance(output, Ragged) else output
        half = torch.full(values.shape[:-1], 0.5)
        return output.map(lambda _: half) if isinstance(output, Ragged) else half

    def pseudo_label(self, output: Any) -> Any:
        """Return the frames as targets, of one unit each."""
        values = full_precision(output.values if isinstance(output, Ragged) else output).detach()
        beside = torch.stack([torch.zeros_like(values[..., -1]), torch.ones_like(values[..., -1])], dim=-1)
        coded = torch.cat([values[..., : self.n_mels], beside], dim=-1)
        return output.map(lambda _: coded) if isinstance(output, Ragged) else coded

    def available_metrics(self) -> list[Metric]:
        """Return log-mel L1, mel-cepstral distance, and the error of durations."""
        return synthesis_metrics(self.hop)

    def default_metrics(self) -> list[str]:
        """The log-mel L1 selects the best weights."""
        return ["log_mel_l1", "mel_cepstral_distance", "duration_mae"]


_NO_ROWS = torch.zeros(1, dtype=torch.int64)
