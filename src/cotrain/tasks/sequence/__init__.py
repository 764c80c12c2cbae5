"""Kinds of task whose targets are in order: a tag a word, a text."""

from cotrain.tasks.sequence._tagging import Tagging
from cotrain.tasks.sequence._transcription import Transcription

__all__ = ["Tagging", "Transcription"]
