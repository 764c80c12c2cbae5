from cotrain.data.sources import Equal


def test_every_source_alike() -> None:
    shares = Equal().shares({"b": 3, "a": 9})
    assert list(shares) == ["b", "a"]
    assert len(set(shares.values())) == 1
