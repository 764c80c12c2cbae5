"""Which way of sharing, and how large a network, in two sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotrain.cotraining import CoTraining
from cotrain.data import TaskGuess
from cotrain.learner._gradient_probe import GradientProbe

#: With more tasks than this none gets experts of its own.
MOST_OWN_EXPERTS = 10


def sizes(n_rows: int, *, words: bool = False, files: bool = False) -> dict[str, Any]:
    """Return the encoder and the budget for a number of training rows with a label.

    The budget goes by the rows: see `epochs` and `batch_size` of `Training`.

    Args:
        n_rows: training rows with a label.
        words: whether there is a column of words in order.
        files: whether there is a column of pictures or of sounds; then the encoder is left to the kinds of
            input.

    Example:
        >>> sizes(30_000)
        {'encoder': {'kind': 'TableEncoder'}, 'training': {'epochs': 'auto'}}
    """
    training = {"epochs": "auto"}
    if files:
        return {"training": training}
    if words:
        return {"encoder": {"kind": "WordEncoder"}, "training": training}
    small = {"width": 64, "depth": 1} if n_rows < 5000 else {}
    return {"encoder": {"kind": "TableEncoder", **small}, "training": training}


def sharing(tasks: Sequence[TaskGuess], probe: GradientProbe | None) -> tuple[str, str]:
    """Return the name of a way of sharing, and a sentence that says why.

    `HardSharing`, unless a probe has shown tasks whose gradients point against each other on what they
    share; then `CGC`, which gives each task experts of its own beside the shared ones, or with many tasks
    `MMoE`, whose number of experts does not grow with theirs.

    Args:
        tasks: what the targets seem to be.
        probe: what was seen in some steps of training; `None`: nothing.
    """
    if len(tasks) == 1:
        return "HardSharing", "HardSharing is a plain network where there is one task."
    if probe is None or not probe.pairs:
        return "HardSharing", (
            "HardSharing, the simplest and cheapest way, because nothing was measured that speaks against it."
        )
    seen = f"in a probe of {probe.steps} steps on {probe.rows:,} rows"
    opposed = probe.opposed()
    if opposed:
        worst, many = opposed[0], len(tasks) > MOST_OWN_EXPERTS
        named = (
            f"MMoE, a few experts that each task weighs for itself (one for each of {len(tasks)} tasks would "
            "not train)"
            if many
            else "CGC, shared experts beside experts of each task's own"
        )
        return "MMoE" if many else "CGC", (
            f"{named}, because {seen} the gradients of {worst.first!r} and {worst.second!r} pointed against "
            f"each other (mean cosine {worst.cosine:+.2f} ± {worst.error:.2f}; {len(opposed)} of "
            f"{len(probe.pairs):,} pairs, Holm-corrected)."
        )
    least, most = (pick(probe.pairs, key=lambda pair: pair.cosine) for pick in (min, max))
    found = f"{least.first!r} and {least.second!r}, {least.cosine:+.2f} ± {least.error:.2f}"
    if most is not least:
        found += f"; highest: {most.first!r} and {most.second!r}, {most.cosine:+.2f} ± {most.error:.2f}"
    return "HardSharing", (
        f"HardSharing, the simplest and cheapest way, because {seen} no two tasks' gradients clearly pointed "
        f"against each other (lowest mean cosine: {found})."
    )


def sizes_sentence(tasks: Sequence[TaskGuess], n_rows: int, n_labelled: int, options: dict[str, Any]) -> str:
    """Return a sentence on the sizes and on the task with the fewest labels.

    Args:
        tasks: what the targets seem to be.
        n_rows: training rows, which shares are of.
        n_labelled: training rows with a label.
        options: from `sizes`.
    """
    network = (
        "A narrow network and small batches suit"
        if "width" in options.get("encoder", {})
        else "The defaults suit"
    )
    sentence = f"{network} {n_labelled:,} training rows with a label"
    fewest = min(tasks, key=lambda task: task.labelled)
    if len(tasks) > 1 and fewest.labelled < n_rows:
        sentence += (
            f"; {fewest.name!r} has the fewest ({fewest.labelled:,}, {fewest.labelled / n_rows:.0%} of "
            f"{n_rows:,} rows) and the most to gain or lose from the others"
        )
    return sentence + "."


def unlabelled_sentence(n_labelled: int, n_unlabelled: int) -> str:
    """Return a sentence on rows without any label, where they are more than the others; "" otherwise.

    With fewer labels than `min_labels` a task keeps its start, and there is nothing to try.

    Args:
        n_labelled: training rows with a label.
        n_unlabelled: training rows without any.

    Example:
        >>> unlabelled_sentence(400, 100)
        ''
    """
    if n_unlabelled <= n_labelled or n_labelled < CoTraining().min_labels:
        return ""
    return (
        f"{n_unlabelled:,} training rows have no label of any task: `cotraining: {{strategy: auto}}` tries "
        "to learn from them by a hundred fits and more, and leaves it where held-out labels show no gain."
    )
