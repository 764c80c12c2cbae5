import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks.sharing._encoder_split import EncoderSplit, ExpertBank, even_groups


def test_trunk_and_rest_make_the_encoder(recorder, close):
    parts = EncoderSplit("owner", recorder, shared_stages=2)
    (chain,) = parts.chains(1)
    hidden = parts.trunk(recorder.inputs)
    for stage in chain:
        hidden = stage(hidden)
    close(hidden, recorder.whole(0, recorder.x))
    assert parts.trunk_width == 6
    assert parts.widths == (4,)


def test_the_first_chain_is_the_first_encoders_and_the_others_are_new(recorder):
    parts = EncoderSplit("owner", recorder, shared_stages=1)
    first, second = parts.chains(2)
    (third,) = parts.chains(1)
    assert first[0] is recorder.made[0].stages[1]
    assert len(recorder.made) == 3
    assert len({id(stage) for chain in (first, second, third) for stage in chain}) == 6


def test_an_encoder_with_too_few_stages_is_refused(recorder):
    with pytest.raises(InvalidArgumentError, match="needs an encoder of at least 4 stages .* has 3"):
        EncoderSplit("owner", recorder, shared_stages=2, needed=2)


def test_experts_side_by_side_are_the_experts(recorder, close):
    parts = EncoderSplit("owner", recorder, shared_stages=1)
    bank = ExpertBank(parts.chains(3))
    expected = torch.stack([recorder.whole(i, recorder.x) for i in range(3)])
    close(bank(parts.trunk(recorder.inputs)), expected)


@pytest.mark.parametrize(("n_stages", "n_groups"), [(1, 1), (5, 2), (7, 3), (4, 4)])
def test_groups_are_consecutive_and_nearly_equal(n_stages, n_groups):
    groups = even_groups(n_stages, n_groups)
    assert [i for group in groups for i in range(n_stages)[group]] == list(range(n_stages))
    lengths = [len(range(n_stages)[group]) for group in groups]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths, reverse=True)
