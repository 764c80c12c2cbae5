"""What the tasks did to each other during a run, in figures and in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cotrain.evaluation import calibration_by_chance
from cotrain.reporting._diagnosis import calibration_distance, is_off
from cotrain.reporting._experts import ALL_USED, expert_sentences, health_of
from cotrain.reporting._formatting import short, shown
from cotrain.reporting._rounds import rounds_sentences

#: From here on a difference in length decides where the shared parameters go.
LOUD = 5.0
#: From here on, and below one part of it, the step is of another length than that of the plain sum.
LONG = 3.0
#: From this share of all pull on a task is too loud; below it, another one is too quiet.
DOMINANT = 0.5
#: Below this share of the training rows a task hardly speaks.
RARE = 0.1
#: Beyond this share of boxes without a pixel of the mask, or of pixels outside all boxes, two tasks disagree.
CONTRADICTED = 0.05
NOTHING = "Nothing stands out: lengths and directions of the gradients agree."
OF_FIRST = "Gradients, losses and experts are those of the first network of the ensemble."
NO_RECORDS = (
    "No gradients were recorded, so that nothing can be said of conflicts: train with "
    "--set training.monitor=20."
)


def analysis_of(
    history: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
    config: Mapping[str, Any],
    cotraining: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what can be said of a run, as plain JSON values.

    Args:
        history: records of history.jsonl; with `training.monitor` they hold the mean over each epoch of what
            the gradients of the tasks were on the shared parameters.
        metrics: content of metrics.json.
        config: of the run.
        cotraining: content of cotraining.json; `None` for a run without co-training.

    Returns:
        `tasks`; `gradients` (`None` without records): mean over the epochs of `norms`, `pull` (weight times
        norm), `share` (of the sum of all pulls), `cosines`, `opposed`, `affinity[i][j]` (i helps j), `update`
        and `update_of_sum`; `losses`: task -> training loss in the first and the last epoch; `coverage`;
        `calibration`: task -> mean distance; `calibration_by_chance`: task -> what chance alone would make of
        it; `experts`: of the last epoch, `None` without gates; `cotraining`: as given; `disagreements`: pairs
        of tasks that contradict each other; `sentences`, the gravest first.

    Example:
        >>> metrics = {"coverage": {"sold": {"train": 90}}, "n_rows": {"train": 100}}
        >>> history = [{"epoch": 0, "losses": {"sold": 0.7}}, {"epoch": 1, "losses": {"sold": 0.5}}]
        >>> analysis_of(history, metrics, {})["coverage"]
        {'sold': 0.9}
    """
    tasks = list(metrics["coverage"])
    gradients = _gradients(history)
    rows = metrics["n_rows"]["train"]
    coverage = {task: counts["train"] / max(1, rows) for task, counts in metrics["coverage"].items()}
    calibration = {
        task: calibration_distance(found["calibration"])
        for task, found in metrics.get("diagnostics", {}).items()
        if found.get("calibration")
    }
    by_chance = {
        task: calibration_by_chance(metrics["diagnostics"][task]["calibration"])[0] for task in calibration
    }
    best = {task: _best_gain(history, task) for task in tasks}
    losses = {task: _ends(history, task) for task in tasks}
    sentences: list[str] = []
    balancer = config.get("balancer", {"kind": "ReferenceScaled"})["kind"]
    if gradients is None:
        sentences.append(NO_RECORDS)
    else:
        sentences += _about_lengths(gradients, best, balancer)
        sentences += _about_directions(gradients)
        sentences += _about_updates(gradients)
    sentences += _about_losses(losses, balancer)
    sentences += [found for found in expert_sentences(history) if found != ALL_USED]
    sentences += rounds_sentences(cotraining)
    sentences += [
        f"{short(task)} has labels on {share:.1%} of the training rows only: co-training could label more."
        for task, share in coverage.items()
        if share < RARE
    ]
    sentences += [
        f"The probabilities of {short(task)} are {distance:.0%} off on average: do not trust them as such."
        for task, distance in calibration.items()
        if is_off(metrics["diagnostics"][task]["calibration"], 0.1)
    ]
    sentences += _about_disagreements(metrics.get("disagreements", []))
    if metrics.get("ensemble") and sentences:
        sentences.append(OF_FIRST)
    return {
        "tasks": tasks,
        "gradients": gradients,
        "coverage": coverage,
        "calibration": calibration,
        "calibration_by_chance": by_chance,
        "best_gain": best,
        "losses": losses,
        "experts": health_of(history),
        "cotraining": cotraining,
        "disagreements": metrics.get("disagreements", []),
        "sentences": sentences or [NOTHING],
    }


def _gradients(history: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    records = [record["gradients"] for record in history if "gradients" in record]
    if not records:
        return None
    found: dict[str, Any] = {"tasks": records[0]["tasks"], "n": sum(record["n"] for record in records)}
    for name in ("norms", "weights", "cosines", "opposed", "affinity", "update", "update_of_sum"):
        found[name] = _mean([record[name] for record in records])
    pulls = [_product(n, w) for n, w in zip(found["norms"], found["weights"], strict=True)]
    total = sum(pull for pull in pulls if pull is not None)
    found["pull"] = pulls
    found["share"] = [None if pull is None or not total else pull / total for pull in pulls]
    return found


def _mean(values: Sequence[Any]) -> Any:
    array = np.array(values, dtype=float)  # None becomes NaN
    finite = np.isfinite(array)
    counts = finite.sum(axis=0)
    means = np.where(counts > 0, np.where(finite, array, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)
    return _plain(means.tolist())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if math.isfinite(value) else None


def _product(norm: float | None, weight: float | None) -> float | None:
    """Return how strongly a task pulls; where a method has no weights per task, its norm."""
    return None if norm is None else norm * (1.0 if weight is None else weight)


def _best_gain(history: Sequence[Mapping[str, Any]], task: str) -> float | None:
    gains = [record.get("gain", {}).get(task) for record in history]
    known = [gain for gain in gains if gain is not None and math.isfinite(gain)]
    return max(known) if known else None


def _about_lengths(
    gradients: Mapping[str, Any], best: Mapping[str, float | None], balancer: str
) -> list[str]:
    pulls = {t: pull for t, pull in zip(gradients["tasks"], gradients["pull"], strict=True) if pull}
    if len(pulls) < 2:
        return []
    loud, quiet = max(pulls, key=lambda task: pulls[task]), min(pulls, key=lambda task: pulls[task])
    ratio = pulls[loud] / pulls[quiet]
    if ratio < LOUD:
        return []
    share = pulls[loud] / sum(pulls.values())
    other = "UPGrad" if balancer == "ReferenceScaled" else "ReferenceScaled"
    told = f"{short(loud)}'s gradient is {ratio:.3g} times {short(quiet)}'s after weighing by {balancer}, "
    if share >= DOMINANT:
        sentences = [f"{told}and {share:.0%} of all pull on the shared parameters: try {other}."]
    else:
        rest = sum(pulls.values()) - pulls[quiet]
        times = rest / (len(pulls) - 1) / pulls[quiet]
        sentences = [
            f"{told}which has {pulls[quiet] / sum(pulls.values()):.0%} of all pull on the shared parameters "
            f"where {1 / len(pulls):.0%} is even: a preference {times:.2g} times as large would bring "
            f"{short(quiet)} there; or try {other}."
        ]
    gain = best.get(loud)
    if gain is not None and gain < 0.02:
        sentences.insert(
            0,
            f"{short(loud)} drowns the other tasks and learns nothing itself (gain over a constant "
            f"{shown(gain, signed=True)}): look at its labels, and leave it out or give it less weight.",
        )
    return sentences


def _ends(history: Sequence[Mapping[str, Any]], task: str) -> list[float] | None:
    """Return a task's training loss in the first and the last epoch in which it has one."""
    known = [loss for record in history if (loss := record.get("loss", {}).get(task)) is not None]
    known = [loss for loss in known if math.isfinite(loss)]
    return [known[0], known[-1]] if known else None


def _about_losses(losses: Mapping[str, Sequence[float] | None], balancer: str) -> list[str]:
    """Say which loss outweighs the others, where nothing takes the units out."""
    first = {task: ends[0] for task, ends in losses.items() if ends is not None and ends[0] > 0}
    if balancer != "Equal" or len(first) < 2:
        return []
    large, small = max(first, key=lambda task: first[task]), min(first, key=lambda task: first[task])
    times = first[large] / first[small]
    if times < LOUD:
        return []
    return [
        f"The loss of {short(large)} is {times:.3g} times that of {short(small)}, and under Equal it counts "
        "as much more: ReferenceScaled takes the units out."
    ]


def _about_updates(gradients: Mapping[str, Any]) -> list[str]:
    """Say how long a step is beside that of the plain sum: one learning rate means another step length."""
    length, plain = gradients["update"], gradients["update_of_sum"]
    if not length or not plain or 1 / LONG < length / plain < LONG:
        return []
    return [
        f"The weighted update is {length / plain:.2g} times as long as that of the plain sum: sweep the "
        "learning rate for each method before you compare it with another."
    ]


def _about_disagreements(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say where a mask has nothing in many boxes, or something outside all of them."""
    sentences = []
    for pair in found:
        boxes, mask, ground = short(pair["boxes"]), short(pair["mask"]), short(pair["ground"])
        empty = pair["empty_boxes"] / max(1, pair["n_boxes"])
        outside = pair["outside"] / max(1, pair["n_pixels"])
        if empty > CONTRADICTED:
            rows = ", ".join(map(str, pair["rows"]))
            sentences.append(
                f"{boxes} and {mask} contradict each other: in {pair['empty_boxes']} of {pair['n_boxes']} "
                f"predicted boxes ({empty:.0%}) the mask has nothing but {ground}, most in rows {rows}: look "
                "at these pictures."
            )
        if outside > CONTRADICTED:
            sentences.append(
                f"{outside:.0%} of what {mask} finds beside {ground} lies in no predicted box of {boxes}: "
                "boxes are missed, or the mask has more than things."
            )
    return sentences


def _about_directions(gradients: Mapping[str, Any]) -> list[str]:
    tasks, sentences = gradients["tasks"], []
    for i in range(len(tasks)):
        for j in range(i):
            cosine, opposed = gradients["cosines"][i][j], gradients["opposed"][i][j]
            if cosine is None:
                continue
            pair = f"{short(tasks[j])} and {short(tasks[i])}"
            if cosine < -0.1:
                sentences.append(
                    f"{pair} pull against each other (mean cosine {cosine:.2f}, opposed in {opposed:.0%} of "
                    "the records): try UPGrad, or an architecture that shares less, such as MMoE."
                )
            elif cosine > 0.95:
                sentences.append(
                    f"{pair} pull the same way (mean cosine {cosine:.2f}): one adds little to the other."
                )
    return sentences
