"""The stem of a column of words."""

import torch

from cotrain.networks.encoders._word_stem import WordStem


def test_a_stem_is_its_equation():
    torch.manual_seed(0)
    stem = WordStem("words:a", 9, 5, width=6, word_embedding=4, character_embedding=2, word_dropout=0.0)
    batch = {
        "words:a": torch.tensor([[3, 4, 0], [5, 0, 0]]),
        "characters:a": torch.randint(0, 5, (2, 3, 4), dtype=torch.int16),
    }
    letters = batch["characters:a"][0, 1].long()
    padded = torch.nn.functional.pad(stem.characters.weight[letters], (0, 0, 1, 1))
    filtered = torch.stack(
        [
            sum(stem.filters.weight[:, :, k] @ padded[c + k] for k in range(3)) + stem.filters.bias
            for c in range(4)
        ]
    )
    both = torch.cat([stem.words.weight[4], filtered.amax(dim=0)])
    expected = torch.nn.functional.layer_norm(stem.joined(both), (6,), stem.norm.weight, stem.norm.bias)
    torch.testing.assert_close(stem(batch)[0, 1], expected)


def test_words_are_dropped_in_training_only_and_padding_never():
    torch.manual_seed(0)
    stem = WordStem("w", 50, 0, width=6, word_embedding=4, character_embedding=2, word_dropout=0.5)
    words = {"w": torch.arange(2, 50)[None].repeat(40, 1)}
    unknown = stem({"w": torch.tensor([[1]])})[0, 0]
    dropped = torch.isclose(stem(words), unknown, atol=1e-5).all(dim=-1).double().mean()
    assert 0.45 < dropped < 0.55
    stem.eval()
    assert not torch.isclose(stem(words), unknown, atol=1e-5).all(dim=-1).any()
    assert not stem.words.weight[0].any()
