"""Kinds of task whose targets are in order: a tag a word, a text, a sound."""

from cotrain.tasks.sequence._synthesis import Synthesis
from cotrain.tasks.sequence._tagging import Tagging
from cotrain.tasks.sequence._transcription import Transcription

__all__ = ["Synthesis", "Tagging", "Transcription"]
