"""Kinds of task whose targets are in order: a tag a word, a text."""

from cotrain.tasks.sequence._tagging import Tagging

__all__ = ["Tagging"]
