"""Which texts beside sounds are what is said in them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cotrain import tasks
from cotrain._base._sounds import wav_bytes
from cotrain.data import infer_tasks, read_table
from cotrain.data._infer_transcript import infer_transcript

SOUND = wav_bytes(np.sin(np.arange(80)), 8000)
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PAIRS = [f"{a} {b}" for a, b in itertools.product(WORDS, WORDS)]


def guessed(name: str, texts: list[str | None], **more: list) -> str:
    frame = pl.DataFrame({"file": [SOUND] * len(texts), name: texts, **more})
    (guess,) = infer_tasks(frame, [name])
    task = getattr(tasks, guess.kind)(guess.name, **guess.options)
    task.fit(frame)
    return guess.kind


@pytest.mark.parametrize(
    ("name", "texts", "kind"),
    [
        ("x", PAIRS, "Transcription"),
        ("x", [*PAIRS, None, ""], "Transcription"),
        # A few texts are what is said if the column's name says so, and else classes.
        ("transcript", WORDS * 20, "Transcription"),
        ("x", WORDS * 20, "Multiclass"),
        ("speaker", [f"Anna {'abcdefghijklmnopqrst'[i % 20]}" for i in range(400)], "Multiclass"),
        ("text", ["yes", "no"] * 20, "Binary"),
        ("text", [str(i * 1.5) for i in range(60)], "Regression"),
    ],
)
def test_texts_beside_sounds(name: str, texts: list[str | None], kind: str):
    assert guessed(name, texts) == kind


def test_it_is_said_whose_positions_are_read_where_there_are_several():
    texts = pl.Series("text", PAIRS)
    assert infer_transcript(texts, ["a"], []).options == {}
    assert infer_transcript(texts, ["a", "b"], []).options == {"sound": "a"}
    assert infer_transcript(texts, ["a"], ["tokens"]).options == {"sound": "a"}
    assert infer_transcript(texts, [], ["tokens"]) is None


def test_a_manifest_of_paths_beside_it_is_such_a_table(tmp_path: Path):
    (tmp_path / "clips").mkdir()
    lines = []
    for number, text in enumerate(PAIRS[:30]):
        (tmp_path / "clips" / f"{number}.wav").write_bytes(SOUND)
        lines.append({"audio_filepath": f"clips/{number}.wav", "text": text, "duration": 0.01})
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (guess,) = infer_tasks(read_table(tmp_path / "manifest.jsonl"), ["text"])
    assert (guess.kind, guess.labelled) == ("Transcription", 30)
    assert "'audio_filepath'" in guess.why
