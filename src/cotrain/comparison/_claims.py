"""Everything in a comparison that gets a word, judged together."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cotrain.comparison._checked_files import read_record
from cotrain.comparison._entry import Entry
from cotrain.comparison._methods import ANSWER
from cotrain.evaluation import Claim, Difference, Judgement, judge
from cotrain.learner._answer_choice import JOINT
from cotrain.tasks import Task

ALL_TASKS = "all tasks"
#: A half of the error is spent on the way that the validation rows chose, the other half on all others, on
#: the trees and on who answers; of the first a half on delta_m, which sees most, and a half on the tasks.
CHOSEN, OTHERS = 0.5, 0.5
#: Values of a method: task -> mean of the selecting metric over the seeds.
Means = Mapping[str, Mapping[str, float]]


def judge_all(
    judged: Sequence[Entry],
    chosen: str | None,
    tasks: Sequence[Task],
    means: Means,
    *,
    smallest_effect: float,
) -> dict[str, Any]:
    """Judge every method on every task and over all tasks, and the chosen one against the trees.

    Args:
        judged: methods with differences to the single-task networks, and these networks themselves.
        chosen: the method that is the best on the validation rows.
        tasks: fitted tasks.
        means: of all methods.
        smallest_effect: a share of the reference below which no difference matters.

    Returns:
        "verdicts": method -> a record per task; "verdicts_over_all": method -> the record of delta_m;
        "verdicts_on_trees": a record per task for the chosen method; "verdicts_on_answer": a record per task
        of who answers, beside the chosen method, for tasks that others ever answer for.
    """
    single = next((entry for entry in judged if entry.method == "single_task"), None)
    claims: list[tuple[str, str, Claim]] = []
    for entry in judged:
        if entry.differences is None or not entry.differences.exists():
            continue
        found = read_record(entry.differences)
        unfinished = _unfinished(entry, single, tasks, smallest_effect)
        own = _claims(found, entry.method, tasks, means, unfinished=unfinished)
        if entry.answers is not None:
            others = [task for task in tasks if _others_answer(entry, task.name)]
            own = _of_answer(own, {task.name for task in others})
            own += _beside_joint(found, others, means, chosen)
        claims += [(entry.method, kind, claim) for kind, claim in own]
    weighted = _weighted(claims, chosen)
    words = judge([claim for _, _, claim in weighted], smallest_effect=smallest_effect)
    verdicts: dict[str, list[dict[str, Any]]] = {}
    over_all: dict[str, dict[str, Any]] = {}
    on_trees: list[dict[str, Any]] = []
    on_answer: list[dict[str, Any]] = []
    for (method, kind, _), word in zip(weighted, words, strict=True):
        record = _record(word)
        if kind == "task":
            verdicts.setdefault(method, []).append(record)
        elif kind == "delta_m":
            over_all[method] = record
        elif kind == "joint":
            on_answer.append(record)
        else:
            on_trees.append(record)
    for record in verdicts.get(chosen or "", []):
        ahead = [tree for tree in on_trees if tree["task"] == record["task"] and tree["word"] == "worse"]
        if ahead and record["word"] == "helped":
            record["sentence"] = f"{record['sentence'][:-1]}, but boosted trees are better."
    return {
        "verdicts": verdicts,
        "verdicts_over_all": over_all,
        "verdicts_on_trees": on_trees,
        "verdicts_on_answer": on_answer,
    }


def _claims(
    found: Mapping[str, Any],
    method: str,
    tasks: Sequence[Task],
    means: Means,
    *,
    unfinished: Mapping[str, float],
) -> list[tuple[str, Claim]]:
    """Return the claims on one method with their kinds: "task", "trees" and "delta_m"."""
    claims = []
    for task in tasks:
        record = found["tasks"][task.name]
        # What the last epochs still better may yet be learned.
        early = "unfinished training" if task.name in unfinished else ""
        claim = Claim(
            task.name,
            Difference.from_json(record["difference"]),
            task.chosen_metrics()[0].name,
            (means[method][task.name], means.get("single_task", {}).get(task.name, math.nan)),
            too_few=record["too_few"],
            instead=early or ("" if record["learned"] else "learns nothing"),
        )
        claims.append(("task", claim))
        if record["trees"] is not None:
            pair = (means[method][task.name], means.get("trees", {}).get(task.name, math.nan))
            difference = Difference.from_json(record["trees"])
            beside = replace(claim, difference=difference, values=pair, reference="boosted trees", instead="")
            claims.append(("trees", replace(beside, words=("better", "worse"))))
    if found["delta_m"] is not None:
        counted = [task.name for task in tasks if not found["tasks"][task.name]["too_few"]]
        early = any(name in unfinished for name in counted)
        difference = Difference.from_json(found["delta_m"])
        instead = "unfinished training" if early else ""
        claims.append(("delta_m", Claim(ALL_TASKS, difference, "delta_m", instead=instead)))
    return claims


def _of_answer(claims: Sequence[tuple[str, Claim]], others: Collection[str]) -> list[tuple[str, Claim]]:
    """Return the claims on who answers beside the lone networks.

    Where the joint network answers at every seed the claim is that on the joint method, and not made twice.
    """
    return [
        (kind, replace(claim, words=("better", "worse")))
        for kind, claim in claims
        if (claim.name in others if kind == "task" else others)
    ]


def _beside_joint(
    found: Mapping[str, Any], tasks: Sequence[Task], means: Means, chosen: str | None
) -> list[tuple[str, Claim]]:
    """Return the claims on who answers beside the joint method that they were chosen instead of."""
    claims = []
    for task in tasks:
        record = found["tasks"][task.name]
        pair = (means[ANSWER][task.name], means.get(chosen or "", {}).get(task.name, math.nan))
        difference, metric = Difference.from_json(record["joint"]), task.chosen_metrics()[0].name
        claim = Claim(task.name, difference, metric, pair, reference="together", too_few=record["too_few"])
        claims.append(("joint", replace(claim, words=("better", "worse"))))
    return claims


def _others_answer(entry: Entry, task: str) -> bool:
    """Whether others than the joint network answer for a task at any seed."""
    assert entry.answers is not None
    return any(set(of[task]["answer"]["weights"]) != {JOINT} for of in read_record(entry.answers)["seeds"])


def _weighted(claims: Sequence[tuple[str, str, Claim]], chosen: str | None) -> list[tuple[str, str, Claim]]:
    """Return the claims with the share of the error that each may spend."""

    def part(method: str, kind: str) -> str:
        return kind if method == chosen and kind in ("task", "delta_m") else "others"

    shares = {"delta_m": CHOSEN / 2, "task": CHOSEN / 2, "others": OTHERS}
    of_part = [part(method, kind) for method, kind, claim in claims if claim.is_tested]
    return [
        (method, kind, replace(claim, weight=shares[name] / max(1, of_part.count(name))))
        for method, kind, claim in claims
        for name in [part(method, kind)]
    ]


def _unfinished(
    entry: Entry, single: Entry | None, tasks: Sequence[Task], smallest_effect: float
) -> dict[str, float]:
    """Return the tasks whose training, together or alone, was not finished in more than half of the seeds."""
    found = {}
    for side in (entry, single):
        for task in tasks:
            shares = [] if side is None else side.unfinished.get(task.name, [])
            if shares and float(np.median(shares)) > smallest_effect:
                found[task.name] = float(np.median(shares))
    return found


def _record(one: Judgement) -> dict[str, Any]:
    low, high = one.difference.low, one.difference.high
    return {
        "task": one.name,
        "word": one.word,
        "sentence": one.sentence,
        "difference": _plain(one.difference.value),
        "interval": None if math.isnan(low) else [low, high],
        "p_value": _plain(one.p_value),
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
