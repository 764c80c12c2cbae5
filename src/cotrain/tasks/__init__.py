"""Kinds of task, one class in one file each."""

from cotrain.tasks._base import Metric, Task

__all__ = ["Metric", "Task"]
