"""What the pages on the code name is there: rooms, files, and the home of every term."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "cotrain"
PAGES = ROOT / "docs" / "explanation"
ARCHITECTURE = (PAGES / "architecture.md").read_text(encoding="utf-8")
GLOSSARY = (PAGES / "glossary.md").read_text(encoding="utf-8")


def test_the_drawing_and_the_table_have_every_room_and_no_other():
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    drawn = re.findall(r'class="room"[^>]*>([^<]+)<', (ROOT / "docs" / "images" / "rooms.svg").read_text())
    assert sorted(drawn) == sorted(rooms)
    assert set(re.findall(r"^\| `(\w+)/` \|", ARCHITECTURE, re.MULTILINE)) == rooms


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`([\w/]+(?:/|\.py))`", ARCHITECTURE))))
def test_a_place_that_the_page_names_is_there(place: str):
    assert (SOURCE / place).exists() or any(SOURCE.glob(f"*/{place}"))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(cotrain\.[\w.]+)`", GLOSSARY))))
def test_a_term_lives_where_the_glossary_says(name: str):
    package, room, symbol, *attribute = name.split(".")
    module = importlib.import_module(f"{package}.{room}")
    assert symbol in module.__all__
    for part in attribute:
        assert hasattr(getattr(module, symbol), part)


def test_no_term_stands_twice_in_the_glossary():
    terms = re.findall(r"^\| \*\*(.+?)\*\*", GLOSSARY, re.MULTILINE)
    assert len(set(terms)) == len(terms) > 40
