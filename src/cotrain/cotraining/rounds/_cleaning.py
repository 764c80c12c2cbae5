"""A run whose doubtful true labels are taken out before the first round."""

from __future__ import annotations

from dataclasses import replace

from cotrain.cotraining.guards._held_out import Holdout
from cotrain.cotraining.guards._label_noise import without_issues
from cotrain.cotraining.rounds._run import CoTrainingRun


def cleaned(run: CoTrainingRun) -> tuple[CoTrainingRun, dict[str, int]]:
    """Return the run without the training labels that confident learning doubts, and how many these are.

    What doubts is one network (or estimator) for all tasks, cross-fitted on the training labels, so that no
    label has a say about itself. Validation labels stay as they are: they are what all is judged by. With
    `label_noise="keep"` the run is the same.

    Args:
        run: what the rounds will be of.

    Returns:
        the run, and task -> number of labels that count as missing in it; empty where nothing was looked for.
    """
    if run.settings.label_noise == "keep":
        return run, {}
    holdout = Holdout(run.examples, None, run.settings, seed=run.seed, cache=run.cache.part("label-noise"))
    predictions = holdout.cross_fitted(run.factory.network("label noise"), "label-noise")
    examples, counts = without_issues(run.tasks, run.examples, predictions)
    return replace(run, examples=examples), counts
