import importlib.util
import sys
from types import ModuleType

import polars as pl
import pytest

from cotrain._base import MissingExtraError
from cotrain.data.columns import Text
from cotrain.data.columns._segmenting import best_segmenter, count_words, is_unspaced, split_words


def test_spaced_scripts_are_cut_at_spaces_marks_kept() -> None:
    text = pl.Series(["The Third--MAN 3", None, "हिन्दी भाषा", "naïve e\u0301te\u0301"])
    words = split_words(text)
    assert words["word"].to_list() == [
        "the", "third", "man", "3", "हिन्दी", "भाषा", "naïve", "e\u0301te\u0301",
    ]  # fmt: skip
    assert words["row"].to_list() == [0, 0, 0, 0, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("很好看", ["很好", "好看", "很", "好", "看"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー", "東", "京", "タ", "ワ", "ー"]),
        ("ไทย", ["ไท", "ทย", "ไ", "ท", "ย"]),
        ("ລາວ", ["ລາ", "າວ", "ລ", "າ", "ວ"]),
        ("ខ្មែរ", None),
        ("မြန်မာ", None),
        ("iPhone很好", ["iphone", "很好", "很", "好"]),
        ("北京，上海", ["北京", "北", "京", "上海", "上", "海"]),
        ("好", ["好"]),
    ],
)
def test_scripts_without_spaces_give_pairs_and_characters(text: str, words: list[str] | None) -> None:
    expected = words or [text[i : i + 2] for i in range(len(text) - 1)] + list(text)
    assert split_words(pl.Series([text]))["word"].to_list() == expected


def test_words_are_counted_in_every_script() -> None:
    assert count_words(pl.Series(["The Third Man", "朝阳区建国路88号", "", "2024年款手机"])).to_list() == [
        3, 5, 0, 3,
    ]  # fmt: skip
    assert is_unspaced(pl.Series(["好", None, "a"]))
    assert not is_unspaced(pl.Series(["a", None]))


def test_jieba_is_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    # A stand-in with its interface: its own words are its affair.
    module = ModuleType("jieba")
    module.lcut = lambda run: [run[:2], run[2:]]  # type: ignore[attr-defined]
    chinese, japanese = pl.Series("t", ["电影很好看"]), pl.Series("t", ["東京タワー"])
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: module if name == "jieba" else found(name))
    monkeypatch.setitem(sys.modules, "jieba", module)
    assert (best_segmenter(chinese), best_segmenter(japanese)) == ("jieba", "pairs")
    assert split_words(chinese, "jieba")["word"].to_list() == ["电影", "很好看", "电", "影", "很", "好", "看"]
    saved = Text("t").fit(chinese).to_json()
    assert saved["state"]["segmenter"] == "jieba"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jieba" else found(name))
    assert best_segmenter(chinese) == "pairs"
    with pytest.raises(MissingExtraError, match="pip install jieba"):
        Text.from_json(saved)
