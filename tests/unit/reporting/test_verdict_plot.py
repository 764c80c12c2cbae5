import re
from html.parser import HTMLParser

import pytest

from cotrain.reporting._verdict_plot import verdict_lines


def verdict(task, word, difference, interval):
    sentence = f"{task}: {word} (so)."
    return {"task": task, "word": word, "sentence": sentence, "difference": difference, "interval": interval}


FOUND = [
    verdict("<b>votes", "helped", 0.05, [0.02, 0.08]),
    verdict("budget", "hurt", -20.0, [-30.0, -10.0]),
    verdict("genres", "no clear difference", 0.01, [-0.02, 0.04]),
    verdict("rare", "unknown", None, None),
]
ALONE = {"<b>votes": 0.5, "budget": -100.0, "genres": 0.8, "rare": None}
ALL = verdict("all tasks", "no clear difference", 0.03, [-0.01, 0.07])


def test_every_interval_is_a_strip_and_what_has_none_stays_a_sentence():
    lines, reach = verdict_lines(FOUND, ALL, ALONE)
    assert [bool(line.strip) for line in lines] == [True, True, True, False, True]
    assert [line.name for line in lines] == ["<b>votes", "budget", "genres", "", "all tasks (delta_m)"]
    assert lines[0].figures == "+0.050 [+0.020, +0.080]"
    assert lines[-1].figures == "+3.0% [-1.0%, +7.0%]"
    assert reach == pytest.approx(0.3)  # -30 of 100
    assert all("votes" not in line.strip for line in lines)


def places(strip):
    """Return where an interval begins and ends, in shares of the way from the middle to an end."""
    low, high = re.findall(r'<line x1="([\d.]+)" y1="11.0" x2="([\d.]+)"', strip)[0]
    return [(float(x) / 150 - 1) / 0.96 for x in (low, high)]


def test_strips_have_one_scale_for_all_tasks_whatever_their_unit():
    lines, reach = verdict_lines(FOUND, ALL, ALONE)
    shares = [[0.04, 0.16], [-0.3, -0.1], [-0.025, 0.05], None, [-0.01, 0.07]]
    for line, expected in zip(lines, shares, strict=True):
        if expected is not None:
            assert places(line.strip) == pytest.approx([end / reach for end in expected], abs=1e-3)


def test_one_task_that_reaches_far_does_not_hide_the_others():
    far = [*FOUND[:3], verdict("wild", "no clear difference", 1.0, [-500.0, 500.0])]
    lines, reach = verdict_lines(far, None, {**ALONE, "wild": 1.0})
    assert reach < 2
    assert places(lines[3].strip) == pytest.approx([-1.0, 1.0])
    assert "l5 4" in lines[3].strip  # arrows where it is cut
    assert "l5 4" not in lines[0].strip


def test_strips_are_markup_that_is_well_formed():
    class Strict(HTMLParser):
        depth = 0

        def handle_starttag(self, tag, attrs):
            self.depth += 1

        def handle_endtag(self, tag):
            self.depth -= 1

    for line in verdict_lines(FOUND, ALL, ALONE)[0]:
        reader = Strict()
        reader.feed(line.strip)
        assert reader.depth == 0


@pytest.mark.parametrize("found", [[], [FOUND[3]], [verdict("a", "no clear difference", 0.0, [0.0, 0.0])]])
def test_nothing_to_draw_is_no_trouble(found):
    lines, reach = verdict_lines(found, None, {"a": 1.0})
    assert (len(lines), reach) == (len(found), 0.0)
    assert not any(line.strip for line in lines)
