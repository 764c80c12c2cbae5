import math

import pytest
import torch

from cotrain._base._ragged import Ragged, padded_inputs
from cotrain.tasks.sequence._text_prenet import TextPreNet

UNITS = [[1, 2, 3, 1], [1, 4, 1], [], [1, 2, 2, 3, 4, 1]]
PLACES = [[0, 1, 1, 1, 2], [1, 1], [], [0, 1, 2, 2, 3, 4, 4, 5, 5, 5, 5]]


def prenet(stride=2):
    torch.manual_seed(0)
    return TextPreNet(
        "v:", n_units=5, optional=1, n_categories=[3], n_numbers=1, width=8, stride=stride, start=1.0
    ).eval()


def inputs(rows=range(4), *, taught=True):
    rows = list(rows)
    ragged = lambda lists: Ragged.from_rows([torch.tensor(lists[r], dtype=torch.int64) for r in rows])  # noqa: E731
    found = {
        "v:units": ragged(UNITS),
        "v:categories": torch.tensor([[1], [0], [2], [1]])[rows],
        "v:numbers": torch.tensor([[0.5], [-1.0], [0.0], [2.0]])[rows],
    }
    return padded_inputs(found | ({"v:places": ragged(PLACES)} if taught else {}))


def slow_frames(net, row):
    """Frame by frame, for one row without others beside it."""
    hidden, log_d = net._units(inputs([row]))
    frames = []
    for frame, place in enumerate(PLACES[row]):
        length = PLACES[row].count(place)
        behind = frame - sum(other < place for other in PLACES[row]) + 0.5
        share = behind / length
        beside = torch.tensor([share, 1 - share, math.log1p(length)])
        frames.append(hidden[0, place] + net.places.weight @ beside + net.places.bias)
    return torch.stack(frames), log_d[0][PLACES[row]]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("row", [0, 1, 3])
def test_units_are_repeated_as_long_as_they_last(stride, row):
    net = prenet(stride)
    with torch.no_grad():
        entered = net(inputs([row]))
        frames, log_d = slow_frames(net, row)
        expected = net.norm(net.thin(frames.T[None]).transpose(1, 2))
    n_positions = math.ceil(len(PLACES[row]) / stride)
    assert entered.mask.shape[1] == n_positions
    assert entered.mask.all()
    torch.testing.assert_close(entered.positions, expected)
    torch.testing.assert_close(entered.carried[0, :, 0], log_d)


@pytest.mark.parametrize("taught", [True, False])
def test_padding_changes_nothing(taught):
    net = prenet()
    with torch.no_grad():
        together = net(inputs(taught=taught))
        lengths = net.lengths(inputs(taught=taught))
        for row in range(4):
            alone = net(inputs([row], taught=taught))
            size = int(alone.mask.sum())
            assert int(together.mask[row].sum()) == size
            kept = together.positions[row, :size]
            torch.testing.assert_close(kept, alone.positions[0, :size], rtol=0, atol=1e-5)
            assert int(net.lengths(inputs([row], taught=taught))[0]) == int(lengths[row])


def test_predicted_durations_are_whole_and_a_unit_has_a_frame_at_least():
    net = prenet()
    with torch.no_grad():
        for bias in (-9.0, 0.0, 1.5, 50.0):
            net.log_duration.bias.fill_(bias)
            entered, lengths = net(inputs(taught=False)), net.lengths(inputs(taught=False))
            log_d = net._units(inputs(taught=False))[1]
            for row, units in enumerate(UNITS):
                wanted = 0
                for place, unit in enumerate(units):
                    frames = round(math.expm1(min(float(log_d[row, place]), math.log1p(200))))
                    wanted += max(frames, 0 if unit == 1 else 1)
                assert int(lengths[row]) == wanted
            assert entered.carried.shape[1] == max(1, int(lengths.max()))
    assert int(lengths.max()) == 200 * 6


def test_conditions_matter_and_unknown_ones_say_nothing():
    net = prenet()
    with torch.no_grad():
        plain = inputs([0])
        assert not torch.allclose(
            net(plain).positions, net({**plain, "v:categories": torch.tensor([[2]])}).positions
        )
        assert not torch.allclose(
            net(plain).positions, net({**plain, "v:numbers": torch.tensor([[9.0]])}).positions
        )
        assert not net.categories[0].weight[0].any()
    assert net.keys == ("v:units", "v:categories", "v:numbers")


def test_positions_become_frames_again():
    net = prenet(3)
    entered = net(inputs())
    output = torch.arange(4 * entered.positions.shape[1] * 6, dtype=torch.float32).view(4, -1, 6)
    left = net.leave(output, entered)
    assert left.shape == (4, 11, 3)
    for frame in range(11):
        first = 2 * (frame % 3)
        torch.testing.assert_close(left[:, frame, :2], output[:, frame // 3, first : first + 2])
    torch.testing.assert_close(left[..., 2:], entered.carried)


@pytest.mark.parametrize("taught", [True, False])
def test_half_precision_counts_frames_as_well(taught):
    net = prenet(1)
    with torch.no_grad():
        net.log_duration.weight.zero_()
        net.log_duration.bias.fill_(math.log1p(150))
        batch = inputs([0], taught=False)
        if taught:
            places = torch.arange(4).repeat_interleave(150)[None]
            batch |= {"v:places": places, "v:places:lengths": torch.tensor([600])}
        whole = net(batch)
        with torch.autocast("cpu", torch.bfloat16):
            half = net(batch)
    assert half.mask.sum() == whole.mask.sum() >= 600 - 150
    torch.testing.assert_close(half.positions.float(), whole.positions, rtol=0.1, atol=0.1)


def test_all_is_learned():
    net = prenet()
    entered = net(inputs())
    (entered.positions.square().mean() + entered.carried.square().mean()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in net.parameters())
