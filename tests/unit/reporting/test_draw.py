import math
import re

import pytest

from cotrain.reporting._draw import N_STYLES, Pen, dash_attribute, finite, plain_log_axis, style, whole_ticks

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")


def line(axes):
    axes.plot([1, 2, 3], [1.0, 10.0, 100.0], **style(0))
    plain_log_axis(axes)
    whole_ticks(axes)


def test_a_picture_is_inline_svg_whose_colours_are_the_pages():
    svg = Pen().draw('What "it" shows <here>', line)
    assert svg.startswith('<svg role="img" aria-label="What &quot;it&quot; shows &lt;here&gt;" ')
    assert "var(--c0)" in svg
    assert "#0301" not in svg
    assert not re.search(r"<svg[^>]* (?:width|height)=", svg)
    assert "<metadata" not in svg


def test_two_pictures_of_a_page_share_no_id_and_equal_pages_are_equal():
    first, second = Pen(), Pen()
    pictures = [first.draw("a", line), first.draw("a", line)]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in pictures]
    assert all(ids)
    assert not ids[0] & ids[1]
    assert second.draw("a", line) == pictures[0]


def test_labels_of_a_logarithmic_axis_are_plain_numbers():
    svg = Pen().draw("a", line)
    assert "mathdefault" not in svg
    assert "<!--" not in svg


def test_lines_are_told_apart_by_dashes_and_come_again_after_all_styles():
    assert len({dash_attribute(number) for number in range(N_STYLES)}) == N_STYLES
    assert style(N_STYLES) == style(0)


def test_what_is_missing_leaves_a_gap():
    assert finite([1, 2.5])[1] == 2.5
    assert math.isnan(finite([None])[0])
