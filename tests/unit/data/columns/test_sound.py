"""A column of sounds, from paths, bytes, mappings and samples alike."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import CotrainError, DataError, InvalidArgumentError
from cotrain._base._lazy import Lazy
from cotrain._base._sounds import wav_bytes
from cotrain.data import Schema
from cotrain.data._infer_kind import infer_kind
from cotrain.data._read import read_cells
from cotrain.data.columns import Sound, _sound
from cotrain.data.columns._sound import levelled

RATE = 8000
DRAW = np.random.default_rng(0)
ARRAYS = [0.3 * DRAW.normal(size=n) / (1 + i) for i, n in enumerate((900, 80, 1, 4001))]
FILES = [wav_bytes(array, RATE) for array in ARRAYS]
#: What the files hold, after they have been rounded to 16 bits.
HELD = [np.clip(np.rint(array * 2**15), -(2**15), 2**15 - 1) / 2**15 for array in ARRAYS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wavs").mkdir()
    for number, data in enumerate(FILES):
        (tmp_path / "wavs" / f"{number}.wav").write_bytes(data)
    names = [f"wavs/{number}.wav" for number in range(len(FILES))]
    pl.DataFrame({"file": [*names, None], "kind": list("ababa")}).write_csv(tmp_path / "table.csv")
    return tmp_path


def as_column(folder: Path, form: str) -> pl.Series:
    if form == "paths":
        return read_cells(folder / "table.csv")["file"]
    if form == "bytes":
        return pl.Series("file", [*FILES, None])
    if form == "files":
        return pl.Series("file", [*({"bytes": data, "path": "x.wav"} for data in FILES), None])
    return pl.Series("file", [*({"array": a.tolist(), "sampling_rate": RATE} for a in HELD), None])


@pytest.mark.parametrize("form", ["paths", "bytes", "files", "samples"])
def test_every_form_is_recognised_and_gives_the_same_sounds(folder: Path, form: str):
    values = as_column(folder, form)
    column = infer_kind(values).column
    assert isinstance(column, Sound)
    found = column.fit(values).encode(values).sounds
    assert found is not None
    assert column.sound_rate == RATE
    assert found.lengths.tolist() == [900, 80, 1, 4001, 0]
    for row, samples in zip(found, HELD, strict=False):
        assert row.dtype == torch.float32
        assert np.allclose(row.numpy(), levelled(samples), atol=1e-6)


def test_a_level_is_that_of_the_equation_and_silence_stays_silence():
    for samples in (5 * ARRAYS[0] + 1, ARRAYS[0] / 80):
        found = levelled(samples).astype(np.float64)
        assert found.mean() == pytest.approx(0, abs=1e-6)
        assert np.sqrt((found**2).mean()) == pytest.approx(0.1, rel=1e-5)
    assert np.allclose(levelled(ARRAYS[0]), levelled(ARRAYS[0] / 80), atol=1e-6)
    for nothing in (np.zeros(50), np.full(50, 0.25), np.array([0.5])):
        assert not levelled(nothing).any()
    # The last bit of a recording of nothing does not become as loud as speech.
    assert np.abs(levelled(np.tile([0.0, 2.0**-15], 50))).max() < 0.02


def wav(samples: np.ndarray, rate: int, channels: int, width: int) -> bytes:
    buffer = io.BytesIO()
    whole = np.rint(samples * (2 ** (8 * width - 1) - 1)).astype("<i8").tobytes()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        for i in range(0, len(whole), 8):
            file.writeframesraw(whole[i : i + width] * channels)
    return buffer.getvalue()


@pytest.mark.parametrize(("rate", "channels", "width"), [(44_100, 1, 2), (RATE, 2, 2), (RATE, 1, 3)])
def test_other_rates_channels_and_widths_are_the_same_sound(rate: int, channels: int, width: int):
    tone, other = (0.4 * np.sin(2 * np.pi * 440 * np.arange(r // 2) / r) for r in (RATE, rate))
    column = Sound("x", rate=RATE).fit(pl.Series("x", [wav_bytes(tone, RATE)]))
    one, two = column.encode(
        pl.Series("x", [wav_bytes(tone, RATE), wav(other, rate, channels, width)])
    ).sounds
    assert len(one) == len(two)
    # A filter has little to go by at either end.
    assert float((one - two)[40:-40].abs().max()) < 2e-3


def test_the_rate_is_the_commonest_and_no_higher_than_speech_needs():
    low, high = wav_bytes(np.ones(80), RATE), wav_bytes(np.ones(441), 44_100)
    assert Sound("x").fit(pl.Series("x", [low, high, low])).sound_rate == RATE
    assert Sound("x").fit(pl.Series("x", [high, high, low])).sound_rate == 16_000
    assert Sound("x", rate=44_100).fit(pl.Series("x", [low])).sound_rate == 44_100


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (b"", r"Column 'x', row 1: A sound of 0 bytes is empty: it has 0 bytes\."),
        (FILES[0][:60], r"Column 'x', row 1: A sound of 60 bytes is cut off: 16 of 1,800 bytes .*\."),
        (wav_bytes(np.zeros(0), RATE), r"Column 'x', row 1: A sound has no samples: replace it, .*\."),
        (b"fLaC" + bytes(50), r"Column 'x', row 1: A sound of 54 bytes is damaged, .*\."),
    ],
)
def test_what_is_no_whole_sound_is_one_sentence_with_its_row(cell: bytes, sentence: str):
    values = pl.Series("x", [FILES[0], cell])
    with pytest.raises(CotrainError, match=f"^{sentence}$"):
        Sound("x").fit(values).encode(values)


def test_a_file_that_is_not_there_is_named(folder: Path):
    values = as_column(folder, "paths")
    column = Sound("file").fit(values)
    (folder / "wavs" / "1.wav").unlink()
    with pytest.raises(
        DataError, match=r"^Column 'file', row 1: The sound '.*1\.wav' is no file: check .*\.$"
    ):
        column.encode(values)


def test_samples_without_a_rate_need_one():
    values = pl.Series("x", [[0.1, 0.2, 0.3], [0.1]])
    with pytest.raises(DataError, match=r"^Column 'x', row 0: A sound in memory .* and a rate\.$"):
        Sound("x").fit(values)
    assert Sound("x", rate=8).fit(values).encode(values).sounds.lengths.tolist() == [3, 1]


def test_long_sounds_are_cut_and_counted():
    values = pl.Series("x", FILES)
    column = Sound("x", max_seconds=0.1).fit(values)
    assert column.cut == 2
    assert column.encode(values).sounds.lengths.tolist() == [800, 80, 1, 800]


@pytest.mark.parametrize("options", [{"rate": 0}, {"rate": 8.5}, {"max_seconds": 0}, {"max_seconds": 1e9}])
def test_options_out_of_range_are_refused(options: dict[str, Any]):
    with pytest.raises(InvalidArgumentError, match=r"^Column 'x': .*\.$"):
        Sound("x", **options)


@pytest.mark.parametrize("form", ["paths", "bytes", "files"])
def test_more_than_memory_holds_is_decoded_batch_by_batch_and_the_same(
    folder: Path, form: str, monkeypatch: pytest.MonkeyPatch
):
    values = as_column(folder, form)
    column = Sound("file").fit(values)
    held = column.encode(values).sounds
    monkeypatch.setattr(_sound, "MOST_BYTES", 100)
    lazy = column.encode(values).sounds
    assert isinstance(lazy, Lazy)
    again = lazy.decoded()
    assert torch.equal(again.values, held.values)
    assert torch.equal(again.offsets, held.offsets)


def test_a_table_of_sounds_is_saved_and_read_again_and_a_row_is_one_of_it(folder: Path):
    frame = read_cells(folder / "table.csv")
    schema = Schema.infer(frame, exclude=["kind"]).fit(frame)
    assert [note.kind for note in schema.describe()] == ["sound"]
    assert schema.spec().sounds == {"sound:file": RATE}
    again = Schema.from_json(schema.to_json())
    one, two = (s.encode(frame)["sound:file"] for s in (schema, again))
    assert torch.equal(one.values, two.values)
    damaged = schema.to_json()
    damaged["columns"][0]["state"]["rate"] = "8000"
    with pytest.raises(DataError, match="The schema is damaged"):
        Schema.from_json(damaged)


def test_a_column_without_any_sound_is_refused():
    with pytest.raises(DataError, match="no row has a sound"):
        Sound("x").fit(pl.Series("x", [None, None], dtype=pl.String))
    assert "no such file as 'a.wav'" in infer_kind(pl.Series("x", ["a.wav", "b.wav"] * 5)).doubt
