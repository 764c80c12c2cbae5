import random

import pytest

from cotrain.reporting._word_edits import word_edits


def distance(true, said):
    """Return the fewest edits, by the recursion that defines them."""
    if not true or not said:
        return len(true) + len(said)
    return min(
        distance(true[1:], said[1:]) + (true[0] != said[0]),
        distance(true[1:], said) + 1,
        distance(true, said[1:]) + 1,
    )


@pytest.mark.parametrize("seed", range(30))
def test_edits_are_the_fewest_and_both_texts_come_back(seed):
    draw = random.Random(seed)
    true, said = (draw.choices("abc", k=draw.randrange(6)) for _ in range(2))
    edits = word_edits(true, said)
    assert [edit.true for edit in edits if edit.true] == true
    assert [edit.said for edit in edits if edit.said] == said
    assert sum(edit.kind != "right" for edit in edits) == distance(true, said)


def test_kinds_are_named():
    kinds = [edit.kind for edit in word_edits(["one", "two", "three"], ["won", "three", "four"])]
    assert sorted(kinds) == ["deleted", "inserted", "right", "substituted"]
