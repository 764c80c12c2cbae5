from __future__ import annotations

import torch

from cotrain.tasks._weighted_median import weighted_median


def test_it_is_the_median_of_values_that_stand_there_as_often() -> None:
    draw = torch.Generator().manual_seed(0)
    for n in (1, 2, 7, 30):
        values = torch.randn(n, 3, generator=draw)
        times = torch.randint(1, 5, (n,), generator=draw)
        repeated = values.repeat_interleave(times, dim=0)
        assert torch.equal(weighted_median(values, times), repeated.median(dim=0).values)
        assert torch.equal(
            weighted_median(values, torch.ones(n, dtype=torch.bool)), values.median(dim=0).values
        )
