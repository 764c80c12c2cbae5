"""Figures per task, and what they say together."""
