"""Kinds of task whose targets are in order: a tag a word, a text."""
