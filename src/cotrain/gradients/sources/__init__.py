"""Gradient sources: one file per way to the tasks' Gramian."""
