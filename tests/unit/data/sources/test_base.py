import torch

from cotrain.data.sources import Equal, RowSources


def test_a_rule_goes_by_the_sources_unless_it_says_otherwise() -> None:
    sources, rule = RowSources(("web",), torch.tensor([0])), Equal()
    assert rule.over(sources, torch.tensor([[True]]), ["a"]) == (sources, rule)
    assert rule.over(None, torch.tensor([[True]]), ["a"]) == (None, rule)
    rule.require(["whatever"])
