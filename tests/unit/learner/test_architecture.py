from __future__ import annotations

import polars as pl
import torch

from cotrain import tasks as kinds
from cotrain.learner import Preprocessor
from cotrain.learner._architecture import Architecture
from cotrain.networks import ESMM, HardSharing, MMoE, TableEncoder, Transformer, WordEncoder
from cotrain.training._best_weights import copy_weights

FRAME = pl.DataFrame({"x": [0.1, 0.2, 0.3, 0.4], "a": [0, 1, 0, 1], "b": [1, 0, 0, 1]})


def fitted() -> Preprocessor:
    return Preprocessor.fit(FRAME, [kinds.Binary("a"), kinds.Binary("b")], {}, [])[0]


def same(one, other) -> bool:
    left, right = copy_weights(one), copy_weights(other)
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_the_seed_and_the_name_choose_the_initial_weights():
    preprocessor = fitted()
    made = Architecture(TableEncoder(width=4), HardSharing(), (3,), seed=1)
    state = torch.get_rng_state()
    assert same(made.build(preprocessor), made.build(preprocessor))
    assert not same(made.build(preprocessor), made.build(preprocessor, name="other"))
    assert not same(
        made.build(preprocessor), Architecture(made.encoder, made.sharing, (3,)).build(preprocessor)
    )
    assert torch.equal(torch.get_rng_state(), state)


def test_some_of_the_tasks_alone_share_nothing_and_have_no_output_space():
    preprocessor = fitted()
    made = Architecture(TableEncoder(width=4), MMoE(2), output_space=ESMM(["a", "b"]))
    whole, alone = made.build(preprocessor), made.build(preprocessor, preprocessor.tasks[:1])
    assert isinstance(whole.sharing, MMoE)
    assert whole.output_space is not None
    assert isinstance(alone.sharing, HardSharing)
    assert alone.output_space is None
    assert alone.tasks == ("a",)


def test_another_encoder_takes_the_place_of_the_first():
    made = Architecture(TableEncoder(width=4), HardSharing())
    assert made.with_encoder(None) is made
    model = made.with_encoder(TableEncoder(width=6)).build(fitted())
    assert model.sharing.widths() == {"a": 6, "b": 6}
    assert made.build(fitted()).sharing.widths() == {"a": 4, "b": 4}


def test_the_default_suits_the_inputs_and_stands_in_the_configuration():
    made = Architecture(None, HardSharing())
    assert made.reads is None
    assert type(made.build(fitted()).sharing.encoder) is TableEncoder
    assert made.written_into({"seed": 1}, fitted()) == {"seed": 1, "encoder": {"kind": "TableEncoder"}}
    chosen = Architecture(TableEncoder(width=4), HardSharing())
    assert chosen.written_into({"encoder": "x"}, fitted()) == {"encoder": "x"}
    said = pl.DataFrame({"said": [["a", "b"], ["b"], None, ["a"]] * 5, "y": [0, 1, 0, 1] * 5})
    words = Preprocessor.fit(said, [kinds.Binary("y")], {"said": "words"}, [])[0]
    model = made.build(words)
    assert type(model.sharing.encoder) is WordEncoder
    assert made.written_into({}, words) == {"encoder": {"kind": "WordEncoder"}}


def test_it_says_which_input_the_encoder_names():
    assert Architecture(Transformer(key="words"), HardSharing()).reads == ["words"]
    assert Architecture(TableEncoder(), HardSharing()).reads is None
