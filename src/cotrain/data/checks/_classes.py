"""How often each class occurs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain.data.checks._base import Labels, Problem

#: A class with fewer rows than this has hardly one in validation.
RARE = 10
#: What is counted of a task whose head reads this and whose classes are told entry by entry.
_COUNTED = {"vector": "rows", "positions": "words", "map": "pixels"}


def check_classes(labels: Sequence[Labels]) -> list[Problem]:
    """Return a note with the class counts per target, and a warning for each target with rare classes.

    Example:
        >>> check_classes([])
        []
    """
    problems: list[Problem] = []
    for label in labels:
        if not label.is_classes or not len(label.targets):
            continue
        counts = _counts(label)
        subject = label.task.name
        shown = ", ".join(f"{name}: {count:,}" for name, count in list(counts.items())[:12])
        more = f" and {len(counts) - 12} more" if len(counts) > 12 else ""
        counted = _COUNTED[label.task.reads] if label.has_entries else "rows"
        by = f", by {counted}" if label.has_entries else ""
        sentence = f"Task {subject!r} has {len(counts)} classes{by} ({shown}{more})."
        problems.append(Problem("note", "classes", subject, sentence, {"counts": counts}))
        rare = {name: count for name, count in counts.items() if count < RARE}
        if rare:
            rarest = sorted(rare.items(), key=lambda item: item[1])
            shown = ", ".join(f"{name!r} ({count})" for name, count in rarest[:8])
            more = f" and {len(rare) - 8} more" if len(rare) > 8 else ""
            n_rare = f"{len(rare)} {'class' if len(rare) == 1 else 'classes'}"
            sentence = (
                f"Task {subject!r} has {n_rare} with fewer than {RARE} {counted}: {shown}{more}. "
                "They cannot be learned or measured well: merge them with others, or leave them out."
            )
            problems.append(Problem("warning", "classes", subject, sentence, {"rare": rare}))
    return problems


def _counts(label: Labels) -> dict[str, int]:
    task, targets, mask = label.task, label.targets, label.mask
    several = targets.shape[1] > 1
    if several:
        positive = ((targets > 0) & mask).sum(axis=0)
        return {name: int(count) for name, count in zip(task.labels, positive, strict=True)}
    values, counts = np.unique(targets[mask[:, 0], 0], return_counts=True)
    # The parts of tags may be kinds of spans.
    known = task.parts if len(task.parts) > 1 and not label.has_entries else None
    learned = task.state_dict()
    names = known or [str(name) for name in learned.get("classes", learned.get("tags", []))]
    return {
        names[int(value)] if 0 <= int(value) < len(names) else str(int(value)): int(count)
        for value, count in zip(values, counts, strict=True)
    }
