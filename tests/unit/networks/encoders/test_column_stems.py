"""One sequence of all the columns of a table."""

import math

import torch

from cotrain.networks import InputSpec
from cotrain.networks.encoders._column_stems import ColumnStems, sinusoids
from cotrain.networks.encoders._table_encoder import TableInputs
from cotrain.networks.encoders._word_stem import WordStem

SPEC = InputSpec(n_numbers=2, words={"words:a": 9, "words:b": 7}, characters={"characters:a": 5})


def stems(places=False, table=True, spec=SPEC):
    words = WordStem.of_columns(spec, width=6, word_embedding=4, character_embedding=2, word_dropout=0.0)
    inputs = TableInputs(spec, 2, 2, 0.0) if table else None
    return ColumnStems(words, width=6, table=inputs, dropout=0.0, places=places)


def inputs():
    return {
        "numbers": torch.randn(2, 2),
        "words:a": torch.tensor([[3, 4, 0], [5, 0, 0]]),
        "words:a:lengths": torch.tensor([2, 1]),
        "characters:a": torch.randint(0, 5, (2, 3, 4), dtype=torch.int16),
        "words:b": torch.tensor([[0, 0], [2, 6]]),
        "words:b:lengths": torch.tensor([0, 2]),
    }


def test_columns_stand_one_after_the_other_and_the_table_in_front():
    torch.manual_seed(0)
    stage, batch = stems(), inputs()
    given = stage(batch)
    assert given.shape == (2, 1 + 3 + 2, 6)
    assert stage.spans(batch) == {"a": slice(1, 4), "b": slice(4, 6)}
    real = [[True, True, True, False, False, False], [True, True, False, False, True, True]]
    assert stage.mask_after(batch).tolist() == real
    table = stage.table(batch)
    torch.testing.assert_close(given[:, 0], stage.token(table))
    expected = stage.stems[1](batch) + stage.columns[1] + stage.condition(table)[:, None]
    torch.testing.assert_close(given[:, 4:], expected)


def test_one_column_alone_is_its_words():
    spec = InputSpec(words={"words:a": 9})
    stage, batch = stems(table=False, spec=spec), inputs()
    assert stage(batch).shape == (2, 3, 6)
    assert stage.columns is None
    assert stage.spans(batch) == {"a": slice(0, 3)}
    assert stems(True, False, spec)(batch).shape == stage(batch).shape


def test_places_are_sines_and_cosines():
    given = sinusoids(7, torch.zeros(1, 6))
    for place in (0, 3, 6):
        angles = [place / 10_000 ** (k / 3) for k in range(3)]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        torch.testing.assert_close(given[place], torch.tensor(expected))
    assert sinusoids(2, torch.zeros(1, 5)).shape == (2, 5)
