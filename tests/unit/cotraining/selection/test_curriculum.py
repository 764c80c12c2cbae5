from __future__ import annotations

from cotrain.cotraining import Curriculum

from .candidates import candidates, chosen


def test_curriculum_takes_the_surest_whatever_their_class():
    assert chosen(Curriculum(0.5), candidates([0, 0, 1, 1], [0.9, 0.8, 0.7, 0.6])) == [0, 1]


def test_a_curriculum_that_does_not_grow_takes_its_share_at_once():
    early = candidates([0] * 10, [0.5 + 0.01 * i for i in range(10)], progress=0.2)
    assert len(chosen(Curriculum(1.0), early)) == 2
    assert len(chosen(Curriculum(1.0, growing=False), early)) == 10
