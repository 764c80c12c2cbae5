"""Write the three corpora as tables: POS tags and names, sentiment, intents and slots.

python examples/language/prepare.py language --corpora FOLDER
python examples/language/prepare.py language               # small made-up sentences of the same shape

FOLDER holds what is published, each under its own licence; nothing of it is part of this repository:

zh_gsd/{train,dev,test}.jsonl.gz   Chinese GSD: a sentence a line, with the lists tokens, upos and ner
sst2/stsa.binary.{train,dev,test}  a line per sentence: 0 or 1, and the words
snips/{train,valid,test}/          seq.in (words), seq.out (slots), label (intent), a line per utterance each
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import polars as pl

from cotrain.data import read_cells

PARTS = ("train", "validation", "test")
#: What the corpora call these parts.
NAMES = {
    "zh_gsd": ("train", "dev", "test"),
    "sst2": ("train", "dev", "test"),
    "snips": ("train", "valid", "test"),
}


def zh_gsd(folder: Path, part: str) -> pl.DataFrame:
    """Return words, parts of speech and names."""
    return read_cells(folder / f"{part}.jsonl.gz").select("tokens", "upos", "ner")


def sst2(folder: Path, part: str) -> pl.DataFrame:
    """Return words and sentiment."""
    lines = (folder / f"stsa.binary.{part}").read_text(encoding="utf-8").splitlines()
    rows = [line.partition(" ") for line in lines if line.strip()]
    words = {"0": "negative", "1": "positive"}
    return pl.DataFrame(
        {"tokens": [text.strip() for *_, text in rows], "sentiment": [words[label] for label, *_ in rows]}
    )


def snips(folder: Path, part: str) -> pl.DataFrame:
    """Return words, slots and intent."""
    words, slots, intents = (
        [line.strip() for line in (folder / part / name).read_text(encoding="utf-8").splitlines()]
        for name in ("seq.in", "seq.out", "label")
    )
    return pl.DataFrame(
        {"tokens": [w.split() for w in words], "slots": [s.split() for s in slots], "intent": intents}
    )


def made_up(seed: int, n: int) -> dict[str, pl.DataFrame]:
    """Return sentences from a few patterns: nothing to learn from them but that the commands run."""
    draw = random.Random(seed)
    people, places = ["Ann Lee", "Bo Chen", "Mia"], ["Oslo", "New York", "Bern"]
    tags: dict[str, list[list[str]]] = {"tokens": [], "upos": [], "ner": []}
    asked: dict[str, list] = {"tokens": [], "slots": [], "intent": []}
    said: dict[str, list[str]] = {"tokens": [], "sentiment": []}
    for _ in range(n):
        who, where = draw.choice(people).split(), draw.choice(places).split()
        verb = draw.choice(["likes", "sees", "leaves"])
        tags["tokens"].append([*who, verb, *where, "."])
        tags["upos"].append(["PROPN"] * len(who) + ["VERB"] + ["PROPN"] * len(where) + ["PUNCT"])
        person = ["B-PERSON"] + ["I-PERSON"] * (len(who) - 1)
        tags["ner"].append([*person, "O", "B-GPE", *["I-GPE"] * (len(where) - 1), "O"])
        good = draw.random() < 0.5
        word = draw.choice(["fine", "great", "warm"] if good else ["dull", "cold", "bad"])
        said["tokens"].append(f"a {word} film about {draw.choice(people)} .")
        said["sentiment"].append("positive" if good else "negative")
        weather = draw.random() < 0.5
        start = ["weather", "in"] if weather else ["book", "a", "table", "in"]
        asked["tokens"].append([*start, *where])
        asked["slots"].append(["O"] * len(start) + ["B-city"] + ["I-city"] * (len(where) - 1))
        asked["intent"].append("GetWeather" if weather else "BookRestaurant")
    return {"zh_gsd": pl.DataFrame(tags), "sst2": pl.DataFrame(said), "snips": pl.DataFrame(asked)}


def write(folder: Path, corpus: str, part: str, frame: pl.DataFrame) -> None:
    """Write a table: lists as JSON lines, text as CSV."""
    (folder / corpus).mkdir(parents=True, exist_ok=True)
    if corpus == "sst2":
        frame.write_csv(folder / corpus / f"{part}.csv")
    else:
        frame.write_ndjson(folder / corpus / f"{part}.jsonl")


def main() -> None:
    """Write a folder of tables."""
    parser = argparse.ArgumentParser(description="Write the corpora of the language example as tables.")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--corpora", type=Path, help="folder of the corpora; default: made-up sentences")
    arguments = parser.parse_args()
    for place, part in enumerate(PARTS):
        if arguments.corpora is None:
            tables = made_up(seed=place, n=(300, 60, 60)[place])
        else:
            readers = {"zh_gsd": zh_gsd, "sst2": sst2, "snips": snips}
            tables = {
                name: read(arguments.corpora / name, NAMES[name][place]) for name, read in readers.items()
            }
        for name, frame in tables.items():
            write(arguments.output, name, part, frame)
            print(f"{name}/{part}: {frame.height} rows, {', '.join(frame.columns)}")


if __name__ == "__main__":
    main()
