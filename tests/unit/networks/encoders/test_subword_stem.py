from __future__ import annotations

import torch
from torch import nn

from cotrain._base import SubwordSpec
from cotrain.networks.encoders._subword_stem import SubwordStem

SPEC = SubwordSpec(50, prefix=(2,), middle=(3, 4), suffix=(5,), second_type=1)


class Noted(nn.Module):
    """Embeddings that give back what they were asked for."""

    def forward(self, input_ids, position_ids, token_type_ids):
        return torch.stack([input_ids, position_ids, token_type_ids], dim=-1).float()


def stem(columns, of_words=(), **options):
    usual = {"first_place": 0, "n_types": 2, "width": 3, "table": None, "tokenizer": SPEC}
    return SubwordStem(Noted(), None, columns=columns, of_words=of_words, **usual | options)


def batch():
    """Words t of the rows [7 8+ 9] and [] with 8+ a further subword, text u of [11 12] and [13]."""
    return {
        "firsts:t": torch.tensor([[[7, 0], [9, 2]], [[99, 99], [99, 99]]], dtype=torch.int32),
        "firsts:t:lengths": torch.tensor([2, 0]),
        "pieces:t": torch.tensor([[[8, 1]], [[99, 99]]], dtype=torch.int32),
        "pieces:t:lengths": torch.tensor([1, 0]),
        "pieces:u": torch.tensor([[[11, 0], [12, 1]], [[13, 0], [99, 99]]], dtype=torch.int32),
        "pieces:u:lengths": torch.tensor([2, 1]),
    }


def in_order(given, mask, row):
    """Number and type of every subword of a row by its place, which must be 0, 1, 2, ..."""
    there = given[row][mask[row]].long().tolist()
    there.sort(key=lambda entry: entry[1])
    assert [entry[1] for entry in there] == list(range(len(there)))
    return [(number, kind) for number, _, kind in there]


def test_a_row_is_what_the_tokenizer_makes_of_a_pair():
    made, inputs = stem(["t", "u"], ["t"]), batch()
    given, mask = made(inputs), made.mask_after(inputs)
    assert in_order(given, mask, 0) == [
        *((2, 0), (7, 0), (8, 0), (9, 0), (3, 0), (4, 0)),
        *((11, 1), (12, 1), (5, 1)),
    ]
    assert in_order(given, mask, 1) == [(2, 0), (3, 0), (4, 0), (13, 1), (5, 1)]


def test_the_words_come_first_in_memory():
    made, inputs = stem(["t", "u"], ["t"]), batch()
    span = made.spans(inputs)["t"]
    assert made(inputs)[0, span, 0].tolist() == [7, 9]
    assert made.mask_after(inputs)[:, span].sum(dim=1).tolist() == [2, 0]
    assert list(made.spans(inputs)) == ["t"]
    assert stem(["u"]).spans(inputs) == {}


def test_the_order_of_the_columns_is_that_of_the_texts():
    made, inputs = stem(["u", "t"], ["t"]), batch()
    given, mask = made(inputs), made.mask_after(inputs)
    assert [number for number, _ in in_order(given, mask, 0)] == [2, 11, 12, 3, 4, 7, 8, 9, 5]


def test_places_begin_where_the_model_says_and_types_are_those_it_has():
    made, inputs = stem(["t", "u"], ["t"], first_place=2, n_types=1), batch()
    given, mask = made(inputs), made.mask_after(inputs)
    there = given[0][mask[0]].long()
    assert sorted(there[:, 1].tolist()) == list(range(2, 11))
    assert there[:, 2].sum() == 0


def test_what_stands_in_the_padding_is_never_looked_up():
    made, inputs = stem(["t", "u"], ["t"]), batch()
    assert made(inputs)[..., :2].max() < 50
