import math

import pytest
import torch

from cotrain._base._mel import FLOOR, log_mels, mel_filters, spectra


def slow_filters(rate, window, n_mels):
    """Triangles, frequency by frequency."""
    mel = lambda hertz: 2595 * math.log10(1 + hertz / 700)  # noqa: E731
    corner = lambda i: 700 * (10 ** (mel(rate / 2) * i / (n_mels + 1) / 2595) - 1)  # noqa: E731
    bins = [k * rate / 2 / (window // 2) for k in range(window // 2 + 1)]
    rows = []
    for band in range(n_mels):
        left, middle, right = corner(band), corner(band + 1), corner(band + 2)
        row = []
        for hertz in bins:
            rising, falling = (hertz - left) / (middle - left), (right - hertz) / (right - middle)
            row.append(max(0.0, min(rising, falling)))
        if not any(row):
            row[min(range(len(bins)), key=lambda k: abs(bins[k] - middle))] = 1.0
        rows.append(row)
    return torch.tensor(rows)


@pytest.mark.parametrize(("rate", "window", "n_mels"), [(8000, 200, 40), (16000, 400, 80), (8000, 16, 3)])
def test_filters_are_the_triangles_of_the_mel_scale(rate, window, n_mels):
    found = mel_filters(rate, window, n_mels)
    torch.testing.assert_close(found, slow_filters(rate, window, n_mels), rtol=0, atol=1e-5)
    assert bool((found.sum(dim=1) > 0).all())


def test_log_mels_equal_slow_ones():
    torch.manual_seed(0)
    taper = torch.hann_window(16, dtype=torch.float64)
    filters = mel_filters(8000, 16, 3).double()
    x = torch.randn(2, 61, dtype=torch.float64)
    found = log_mels(x, filters, taper, 8)
    assert found.shape == (2, 3, 1 + 61 // 8)
    for row in range(2):
        for frame in range(found.shape[2]):
            energies = []
            for k in range(9):
                total = 0j
                for i in range(16):
                    place = frame * 8 - 8 + i
                    value = float(x[row, place]) if 0 <= place < 61 else 0.0
                    angle = -2 * math.pi * k * i / 16
                    total += value * float(taper[i]) * complex(math.cos(angle), math.sin(angle))
                energies.append(abs(total) ** 2)
            expected = torch.log(filters @ torch.tensor(energies, dtype=torch.float64) + FLOOR)
            torch.testing.assert_close(found[row, :, frame], expected, rtol=0, atol=1e-9)


def test_a_row_beside_others_is_the_row_alone():
    torch.manual_seed(0)
    taper, filters, x = torch.hann_window(64), mel_filters(8000, 64, 10), torch.randn(3, 500)
    torch.testing.assert_close(log_mels(x, filters, taper, 16)[1], log_mels(x[1], filters, taper, 16))


def test_spectra_are_turned_back():
    torch.manual_seed(0)
    taper, x = torch.hann_window(64, dtype=torch.float64), torch.randn(500, dtype=torch.float64)
    back = torch.istft(spectra(x, taper, 16), 64, 16, window=taper, length=500)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-10)
