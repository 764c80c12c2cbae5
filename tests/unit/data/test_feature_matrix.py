from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged
from cotrain.data import FeatureMatrix, Schema


def reference(train: dict[str, torch.Tensor], inputs: dict[str, torch.Tensor], n_tokens: int) -> list[list]:
    """The matrix row by row, in plain Python."""
    rows: list[list[float]] = [[] for _ in range(len(next(iter(inputs.values()))))]
    for name, tensor in inputs.items():
        if name.startswith("bag:"):
            counts = Counter(token for row in train[name].tolist() for token in row if token)
            ranked = sorted(counts, key=lambda token: (-counts[token], token))[:n_tokens]
            for row, bag in zip(rows, tensor.tolist(), strict=True):
                row += [float(token in bag) for token in sorted(ranked)]
        elif name == "categories":
            least = [min(column) for column in zip(*train[name].tolist(), strict=True)]
            for row, codes in zip(rows, tensor.tolist(), strict=True):
                row += [float(code - first) for code, first in zip(codes, least, strict=True)]
        else:
            for row, values in zip(rows, tensor, strict=True):
                row += values.flatten().tolist()
    return rows


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9), st.integers(0, 5))
def test_the_matrix_is_that_of_the_slow_reference(seed, n_train, n_rows, n_tokens):
    generator = np.random.default_rng(seed)

    def tensors(n: int) -> dict[str, torch.Tensor]:
        return {
            "numbers": torch.from_numpy(generator.normal(size=(n, 2)).astype(np.float32)),
            "categories": torch.from_numpy(generator.integers(0, 5, (n, 2)) + np.array([0, 40])),
            "bag:t": torch.from_numpy(generator.integers(0, 8, (n, 3))),
            "image": torch.from_numpy(generator.normal(size=(n, 2, 2))),
        }

    train, rows = tensors(n_train), tensors(n_rows)
    matrix = FeatureMatrix(n_tokens).fit(train)
    found = matrix.transform(rows)
    assert found.tolist() == reference(train, rows, n_tokens)
    assert len(matrix.categorical) == found.shape[1]
    assert np.flatnonzero(matrix.categorical).tolist() == [2, 3]


def test_the_codes_of_a_column_do_not_depend_on_the_columns_before_it():
    frame = pl.DataFrame({"a": ["x", "y"] * 20, "b": ["u", "u", "v", "v"] * 10})
    both, alone = Schema.infer(frame).fit(frame), Schema.infer(frame[["b"]]).fit(frame[["b"]])
    one, two = both.encode(frame), alone.encode(frame)
    found = FeatureMatrix().fit(one).transform(one)[:, 1]
    assert found.tolist() == FeatureMatrix().fit(two).transform(two)[:, 0].tolist() == [0, 0, 1, 1] * 10


def test_tokens_that_training_has_not_or_too_seldom_have_no_column():
    bag = torch.tensor([[5, 2, 0], [5, 3, 2], [5, 2, 0], [9, 3, 0]])
    matrix = FeatureMatrix(n_tokens=2).fit({"x": torch.ones(4, 1), "bag:t": bag})
    unseen = torch.tensor([[4, 5], [11, 0], [3, 9], [2, 5]])
    found = matrix.transform({"x": torch.ones(4, 1), "bag:t": unseen})
    assert found.tolist() == [[1, 0, 1], [1, 0, 0], [1, 0, 0], [1, 1, 1]]


def test_a_bag_without_tokens_has_no_column():
    empty = {"x": torch.ones(2, 1), "bag:t": torch.zeros(2, 1, dtype=torch.int64)}
    assert FeatureMatrix().fit(empty).transform(empty).tolist() == [[1], [1]]


def test_a_negative_number_of_tokens_is_refused():
    with pytest.raises(InvalidArgumentError, match="n_tokens=-1"):
        FeatureMatrix(-1)


def test_words_are_columns_of_their_presence_and_their_characters_say_no_more():
    words = Ragged(torch.tensor([5, 7, 5, 5]), torch.tensor([0, 2, 2, 4]))
    inputs = {
        "words:t": words,
        "characters:t": words.map(lambda values: values[:, None].int()),
        "frames": words.map(lambda values: torch.stack([values, 2 * values], dim=1).float()),
    }
    matrix = FeatureMatrix().fit(inputs)
    assert matrix.transform(inputs).tolist() == [[1, 1, 6, 12], [0, 0, 0, 0], [1, 0, 5, 10]]
    assert matrix.categorical.tolist() == [False] * 4


def test_pictures_and_sounds_that_do_not_fit_in_memory_are_read_some_at_a_time():
    draw = np.random.default_rng(0)

    def lazily(rows: list[torch.Tensor], *, ragged: bool) -> Lazy:
        return Lazy([str(i) for i in range(len(rows))], lambda cell: rows[int(cell)], ragged=ragged)

    pictures = torch.from_numpy(draw.integers(0, 255, (150, 3, 20, 5), dtype=np.uint8))
    sounds = [torch.from_numpy(draw.normal(size=n).astype(np.float32)) for n in draw.integers(0, 900, 150)]
    kept = {"picture:p": pictures, "sound:s": Ragged.from_rows(sounds)}
    lazy = {"picture:p": lazily(list(pictures), ragged=False), "sound:s": lazily(sounds, ragged=True)}
    matrix = FeatureMatrix().fit(lazy)
    assert len(matrix.categorical) == 3 * 16 * 5 + 80
    assert np.array_equal(matrix.transform(lazy), FeatureMatrix().fit(kept).transform(kept))


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (32, 16), (48, 64), (20, 9), (33, 100)])
def test_a_picture_is_the_means_of_at_most_sixteen_rows_and_columns(size):
    pictures = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 3, *size), dtype=np.uint8))
    found = FeatureMatrix().fit({"picture:p": pictures}).transform({"picture:p": pictures})
    height, width = (min(side, 16) for side in size)

    def span(place: int, of: int, side: int) -> slice:
        return slice(place * side // of, -(-(place + 1) * side // of))

    for row, picture in zip(found.reshape(2, 3, height, width), pictures.double(), strict=True):
        for y in range(height):
            for x in range(width):
                part = picture[:, span(y, height, size[0]), span(x, width, size[1])]
                assert row[:, y, x] == pytest.approx(part.mean(dim=(1, 2)).numpy(), abs=1e-4)


def test_a_sound_is_the_mean_and_deviation_of_its_bands():
    tones = [torch.sin(torch.arange(4000) * pitch) for pitch in (0.2, 0.9)]
    rows = Ragged.from_rows([*tones, torch.zeros(0), tones[0][:1]])
    matrix = FeatureMatrix().fit({"sound:a": rows})
    found = matrix.transform({"sound:a": rows})
    assert found.shape == (4, 80)
    assert not matrix.categorical.any()
    assert not found[2].any()
    assert np.isfinite(found).all()
    # Each tone is loudest in a band of its own.
    assert found[0, :40].argmax() < found[1, :40].argmax()


def test_subwords_are_columns_of_their_presence_and_their_places_say_no_more():
    entries = torch.tensor([[7, 0], [3, 1], [7, 2], [3, 0]], dtype=torch.int32)
    inputs = {"pieces:a": Ragged(entries, torch.tensor([0, 3, 4, 4]))}
    matrix = FeatureMatrix(5).fit(inputs)
    assert matrix.transform(inputs).tolist() == [[1, 1], [1, 0], [0, 0]]


def test_what_one_task_alone_is_given_is_left_out():
    # A voice is given the speaker, whom another task has to find, and places that are known of sounds alone.
    plain = {"numbers": torch.randn(4, 2)}
    given = {
        "given:voice:categories": torch.tensor([[1], [2], [1], [2]]),
        "given:voice:units": Ragged.from_rows([torch.ones(n, dtype=torch.int64) for n in (1, 2, 3, 1)]),
    }
    matrix = FeatureMatrix().fit(plain | given)
    assert matrix.categorical.tolist() == [False, False]
    np.testing.assert_array_equal(matrix.transform(plain | given), plain["numbers"].numpy())
    np.testing.assert_array_equal(matrix.transform(plain), plain["numbers"].numpy())


@pytest.mark.parametrize("name", ["picture:a", "sound:a", "history:a"])
def test_a_table_without_a_row_has_the_features_of_the_others(name: str) -> None:
    rows = Lazy(["a"] * 3, lambda _: torch.ones(3, 8, 8) if name == "picture:a" else torch.ones(80),
                ragged=name != "picture:a")  # fmt: skip
    matrix = FeatureMatrix().fit({"numbers": torch.ones(3, 2), name: rows})
    shape = matrix.transform({"numbers": torch.ones(3, 2), name: rows}).shape
    assert matrix.transform({"numbers": torch.ones(0, 2), name: rows[:0]}).shape == (0, shape[1])
