"""`answer: auto` as one more contender: whoever the validation rows chose, at each seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cotrain.comparison._answer_jobs import choose_answers, score_answers
from cotrain.comparison._checked_files import read_record
from cotrain.comparison._entry import Entry
from cotrain.comparison._grid import Grid, short_key
from cotrain.comparison._methods import ANSWER
from cotrain.configuration import describe, foreign_kinds
from cotrain.jobs import PoolJob
from cotrain.learner._answer_choice import ALONE, JOINT, TREES

#: How contenders are called in a sentence.
_CALLED = {JOINT: "together", ALONE: "alone", TREES: "trees", "blend": "a blend"}
NO_TREES = "answer: auto had no trees to choose: add trees to compare.references, if they are to compete."
TREES_FAILED = "answer: auto had no trees to choose, because fits of them have failed."


def choose(grid: Grid, joint: Entry, single: Entry, trees: Entry | None) -> Entry:
    """Return who answers as a method of its own, chosen before any test row is read.

    The choice is made for each seed anew, on the validation rows: among the joint network of this seed, the
    single-task networks of this seed, the trees, and their blends.

    Args:
        grid: of the comparison.
        joint: the joint method that is the best on the validation rows.
        single: the single-task networks.
        trees: boosted trees; `None`: there are none.
    """
    seeds = sorted(joint.models)
    entry = Entry(
        ANSWER,
        is_reference=True,
        models={number: {} for number in seeds},
        unfinished=joint.unfinished,
        seconds=sum(one.seconds for one in (joint, single, trees) if one is not None),
    )
    cells = {} if trees is None else {task: str(Path(of).parent) for task, of in trees.models[0].items()}
    what: dict[str, Any] = {
        "models": [{JOINT: joint.models[number], ALONE: single.models[number]} for number in seeds],
        "trees": cells,
        "split": describe(grid.configuration.split),
    }
    key = short_key([grid.data.key, ANSWER, what], grid.folder)
    entry.answers = grid.folder / "answers" / f"{key}.json"
    trusted = sorted(foreign_kinds(grid.configuration.config()))
    arguments = {
        **what, "parts": str(grid.data.folder), "output": str(entry.answers), "trusted": trusted
    }  # fmt: skip
    failed = grid.run([PoolJob("choice of answer", choose_answers, entry.answers, arguments)])
    entry.failed = failed.get("choice of answer")
    return entry


def score(grid: Grid, entry: Entry, sides: Mapping[str, Entry | None]) -> None:
    """Put the scores of the test rows together from those of the members; see `choose`.

    Args:
        grid: of the comparison.
        entry: from `choose`.
        sides: "joint", "alone" and "trees" -> the method that the members are of; `None`: there is none.
    """
    there = {member: side for member, side in sides.items() if side is not None}
    entry.failed = entry.failed or next((side.failed for side in there.values() if side.failed), None)
    if entry.failed is not None or entry.answers is None:
        return
    scores = {member: str(side.arrays) for member, side in there.items()}
    key = short_key([entry.answers.name, scores], grid.folder)
    entry.arrays = grid.folder / "test" / f"{key}.npz"
    arguments = {
        "parts": str(grid.data.folder),
        "output": str(entry.arrays),
        "config": grid.configuration.learner.config(),
        "left_out": grid.data.left_out,
        "choices": str(entry.answers),
        "scores": scores,
    }
    failed = grid.run([PoolJob("test of answer", score_answers, entry.arrays, arguments)])
    entry.failed = failed.get("test of answer")


def answers_of(path: Path, tasks: Sequence[str], n_folds: int = 1) -> list[dict[str, Any]]:
    """Return for each task who answers at which seed (of which fold), and the same as a sentence."""
    seeds = read_record(path)["seeds"]
    unit = "seed" if n_folds == 1 else "fit"
    return [_answer_of(name, [of_seed[name]["answer"] for of_seed in seeds], unit) for name in tasks]


def _answer_of(name: str, by_seed: list[Mapping[str, Any]], unit: str) -> dict[str, Any]:
    counts = Counter(answer["by"] for answer in by_seed)
    n = len(by_seed)
    shares = [f"{_CALLED[by]} at {f'all {n}' if k == n else k} {unit}s" for by, k in counts.most_common()]
    shares = [share.replace(f" 1 {unit}s", f" 1 {unit}") for share in shares]
    kept = {answer["reason"] for answer in by_seed} if counts == {JOINT: n} else set()
    why = f" ({next(iter(kept))})" if len(kept) == 1 else ""
    return {"task": name, "by_seed": by_seed, "sentence": f"{name}: {', '.join(shares)}{why}."}
