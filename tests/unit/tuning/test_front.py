from __future__ import annotations

from xml.etree import ElementTree

from cotrain.tuning._front import front_svg

HOSTILE = "<script>\"票房'"


def test_every_pair_of_tasks_has_a_panel_and_names_are_text() -> None:
    gains = [(0.1, 0.5, 0.2), (0.2, 0.4, 0.1), (0.1, 0.1, 0.1)]
    trials = [
        {"number": i, "state": "complete", "gains": dict(zip([HOSTILE, "b", "c"], of, strict=True))}
        for i, of in enumerate(gains)
    ]
    text = front_svg({"trials": trials, "front": [0, 1]})
    picture = ElementTree.fromstring(text)
    svg = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f"{svg}rect")) == 3
    assert len(picture.findall(f"{svg}circle")) == 9
    assert len([c for c in picture.findall(f"{svg}circle") if c.get("class") == "f"]) == 6
    assert HOSTILE in picture.attrib["aria-label"]
    assert "<script>" not in text
    assert len({rect.get("x") for rect in picture.findall(f"{svg}rect")}) == 3
    assert "2 of 3" in picture.findtext(f"{svg}text")
