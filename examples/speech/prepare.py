"""Make recordings of spoken strings of "digits", from nothing at all or from recordings of single digits.

    python examples/speech/prepare.py speech

writes speech/speech.csv and speech/wavs/. A word is a buzz whose two resonances ("formants") glide from one
place to another, each word in its own way; a speaker has a pitch, resonances that lie higher or lower, and a
loudness. A recording is one to four words of one speaker with pauses, two to five in the test. A tenth of the
training texts and another tenth of the speakers are missing. With

    python examples/speech/prepare.py speech --recordings FOLDER

the words are recordings of single digits, DIGIT_SPEAKER_NUMBER.wav of 16 bits, such as those of the Free
Spoken Digit Dataset (https://github.com/Jakobovski/free-spoken-digit-dataset); the numbers 0 to 4 are for the
test and 5 to 9 for validation. Equal arguments give equal files.
"""

from __future__ import annotations

import argparse
import csv
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

RATE = 8000
ROWS = {"train": 1000, "validation": 150, "test": 250}
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
#: First and last places of a word's two resonances in Hz.
GLIDES = [
    (300, 700, 2300, 1000),
    (600, 400, 900, 1900),
    (350, 300, 1800, 800),
    (450, 280, 1200, 2400),
    (550, 550, 800, 1100),
    (750, 350, 1200, 2100),
    (320, 350, 2200, 2200),
    (600, 650, 1800, 1200),
    (450, 300, 2000, 2500),
    (400, 750, 2300, 1500),
]
#: Name -> pitch in Hz, factor on the resonances, loudness.
SPEAKERS = {
    "ada": (210, 1.15, 0.3),
    "ben": (105, 0.9, 0.05),
    "cleo": (180, 1.05, 0.8),
    "dan": (125, 1.0, 0.01),
    "eve": (240, 1.2, 0.15),
    "finn": (90, 0.85, 0.5),
}
#: A word as one speaker says it: (split, speaker, digit) -> samples.
Say = Callable[[str, str, int], np.ndarray]


def made_up(draw: np.random.Generator) -> tuple[list[str], Say]:
    """Return the names of the speakers, and what says a word."""

    def say(split: str, speaker: str, digit: int) -> np.ndarray:
        pitch, factor, _ = SPEAKERS[speaker]
        n = int(RATE * draw.uniform(0.18, 0.3))
        share = np.linspace(0, 1, n)
        tone = pitch * draw.uniform(0.92, 1.08) * (1 - 0.1 * share)
        turns = 2 * np.pi * np.cumsum(tone) / RATE
        low, high = (
            factor * draw.uniform(0.95, 1.05) * (first + (last - first) * share)
            for first, last in zip(GLIDES[digit][::2], GLIDES[digit][1::2], strict=True)
        )
        sound = np.zeros(n)
        for number in range(1, RATE // 2 // int(pitch * 1.1)):
            hertz = number * tone
            loud = sum(1 / (1 + ((hertz - place) / 90) ** 2) for place in (low, high))
            sound += loud * np.sin(number * turns)
        return sound * np.minimum(1, 8 * np.minimum(share, 1 - share))

    return list(SPEAKERS), say


def recorded(folder: Path, draw: np.random.Generator) -> tuple[list[str], Say]:
    """Return the names of the speakers, and what says a word, of a folder of single digits."""
    found: dict[tuple[str, str, int], list[np.ndarray]] = {}
    for path in sorted(folder.glob("*_*_*.wav")):
        digit, speaker, number = path.stem.split("_")
        split = "test" if int(number) < 5 else "validation" if int(number) < 10 else "train"
        with wave.open(str(path)) as file:
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
        found.setdefault((split, speaker, int(digit)), []).append(sound - sound.mean())
    speakers = sorted({speaker for _, speaker, _ in found})
    if not speakers:
        raise SystemExit(f"{folder} has no files DIGIT_SPEAKER_NUMBER.wav.")

    def say(split: str, speaker: str, digit: int) -> np.ndarray:
        sounds = found[split, speaker, digit]
        sound = sounds[draw.integers(len(sounds))]
        return sound / max(1.0, np.sqrt(np.square(sound).mean()))

    return speakers, say


def write(path: Path, sound: np.ndarray, loud: float) -> None:
    """Write a wav of 16 bits."""
    sound = loud * sound / np.abs(sound).max()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recordings", type=Path, help="folder of recordings of single digits")
    parser.add_argument("--small", action="store_true", help="a tenth of the recordings, to try it out")
    arguments = parser.parse_args()
    (arguments.folder / "wavs").mkdir(parents=True, exist_ok=True)
    draw, rows = np.random.default_rng(0), []
    given = arguments.recordings
    speakers, say = made_up(draw) if given is None else recorded(given, draw)
    for split, n_rows in ROWS.items():
        for i in range(n_rows // (10 if arguments.small else 1)):
            speaker = speakers[draw.integers(len(speakers))]
            digits = draw.integers(0, 10, draw.integers(1, 5) if split == "train" else draw.integers(2, 6))
            parts = [np.zeros(draw.integers(200, 1200))]
            for digit in digits:
                parts += [say(split, speaker, int(digit)), np.zeros(draw.integers(200, 2000))]
            sound = np.concatenate(parts)
            sound += 0.01 * np.abs(sound).max() * draw.normal(size=len(sound))
            name = f"wavs/{len(rows):04}.wav"
            write(arguments.folder / name, sound, SPEAKERS.get(speaker, (0, 0, 0.5))[2])
            text = " ".join(WORDS[digit] for digit in digits)
            hidden = i % 10 if split == "train" else -1
            rows.append(
                {
                    "file": name,
                    "text": "" if hidden == 0 else text,
                    "speaker": "" if hidden == 1 else speaker,
                    "split": split,
                }
            )
    with (arguments.folder / "speech.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
