import torch

from cotrain.tasks.dense._dice import dice_losses


def test_it_is_one_less_what_is_found_and_ignores_what_has_no_label():
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(3, 4, 5, 6, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, 6, (3, 5, 6), generator=generator)
    classes[2] = 4  # nothing of this picture is known
    expected = []
    for b in range(3):
        of = []
        for c in range(4):
            mine, known = classes[b] == c, classes[b] < 4
            if mine.any():
                total = shares[b, c][known].sum() + mine.sum()
                of.append(1 - (2 * shares[b, c][mine].sum() + 1) / (total + 1))
        expected.append(sum(of) / max(1, len(of)))
    torch.testing.assert_close(dice_losses(shares, classes), torch.tensor(expected, dtype=torch.float64))


def test_the_truth_costs_nothing_and_what_is_unknown_sends_no_gradient():
    classes = torch.tensor([[[0, 1, 2, 3]]])
    shares = torch.full((1, 3, 1, 4), 1 / 3, requires_grad=True)
    dice_losses(shares, classes).sum().backward()
    assert shares.grad is not None
    assert not shares.grad[..., 3].any()
    truth = torch.eye(3)[None, :, None, :]
    assert dice_losses(torch.cat([truth, truth[..., :1]], dim=3), classes).item() == 0.0
