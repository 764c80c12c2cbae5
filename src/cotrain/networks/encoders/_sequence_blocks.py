"""The blocks beside attention that encoders of sequences are made of."""

from __future__ import annotations

import functools
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.networks._positions import MaskedStage, compact_order, reorder


@final
class LSTMBlock(MaskedStage):
    """dropout([h→, h←]), the states of an LSTM that reads a row from its start and of one from its end.

    Both read the positions that a row has, one after the other, and nothing else: the second reads them in
    reverse, so that it begins with the last real one. That takes no packing, and no length on the host.

    Source: Graves and Schmidhuber, "Framewise phoneme classification with bidirectional LSTM", 2005,
    https://doi.org/10.1016/j.neunet.2005.06.042
    """

    def __init__(self, n_inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.forth = LSTMLayer(n_inputs, width // 2)
        self.back = LSTMLayer(n_inputs, width // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            forth = self.forth(hidden)
            return self.dropout(torch.cat([forth, self.back(hidden.flip(1)).flip(1)], dim=-1))
        order, home = compact_order(mask)
        place = torch.arange(mask.shape[1], device=mask.device)
        count = mask.sum(dim=1, keepdim=True)
        # Its own inverse: the first `count` places turned round, the others as they are.
        turn = torch.where(place < count, count - 1 - place, place)
        forth = self.forth(reorder(hidden, order))
        back = reorder(self.back(reorder(hidden, order.gather(1, turn))), turn)
        return self.dropout(reorder(torch.cat([forth, back], dim=-1), home))


@final
class LSTMLayer(nn.Module):
    """PyTorch's LSTM of one layer and direction, [B, S, I] -> [B, S, H], around parameters of its own.

    `nn.LSTM` keeps a second list of its weights, which `torch.export` must not see change. The gate that
    forgets begins open (bias 1): Jozefowicz et al., "An Empirical Exploration of Recurrent Network
    Architectures", 2015, https://proceedings.mlr.press/v37/jozefowicz15.html

    Under autocast it computes in float32 on processors for which PyTorch has no LSTM of half precision.
    """

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.input_weight = nn.Parameter(torch.empty(4 * width, n_inputs))
        self.hidden_weight = nn.Parameter(torch.empty(4 * width, width))
        self.input_bias = nn.Parameter(torch.zeros(4 * width))
        self.hidden_bias = nn.Parameter(torch.zeros(4 * width))
        nn.init.xavier_uniform_(self.input_weight)
        for gate in self.hidden_weight.detach().split(width):
            nn.init.orthogonal_(gate)
        with torch.no_grad():
            # The gates are: input, forget, cell, output.
            self.input_bias[width : 2 * width] = 1

    def forward(self, hidden: Tensor) -> Tensor:
        on_host = hidden.device.type == "cpu" and torch.is_autocast_enabled("cpu")
        if on_host and not has_half_lstm(torch.get_autocast_dtype("cpu")):
            with torch.autocast("cpu", enabled=False):
                return self._states(hidden.float())
        return self._states(hidden)

    def _states(self, hidden: Tensor) -> Tensor:
        start = hidden.new_zeros(1, hidden.shape[0], self.width)
        weights = [self.input_weight, self.hidden_weight, self.input_bias, self.hidden_bias]
        return torch.lstm(hidden, (start, start), weights, True, 1, 0.0, self.training, False, True)[0]


@functools.cache
def has_half_lstm(dtype: torch.dtype) -> bool:
    """Return whether PyTorch has an LSTM of this type for the processor: of some, oneDNN has none."""
    one = torch.zeros(1, 1, 1)
    weights = [torch.zeros(4, 1), torch.zeros(4, 1), torch.zeros(4), torch.zeros(4)]
    try:
        with torch.no_grad(), torch.autocast("cpu", dtype):
            torch.lstm(one, (one, one), weights, True, 1, 0.0, True, False, True)
    except RuntimeError:
        return False
    return True


@final
class SequenceConvBlock(MaskedStage):
    """x + dropout(W gelu(conv(norm(x)))): a position sees `kernel` of its row's positions around it.

    With a dilation of d these are every d-th one.
    """

    def __init__(self, width: int, kernel: int, dropout: float, dilation: int = 1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.outer = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        inner = self.norm(hidden)
        if mask is None:
            seen = self._convolved(inner)
        else:
            order, home = compact_order(mask)
            seen = reorder(self._convolved(reorder(inner.where(mask.unsqueeze(-1), 0.0), order)), home)
        return hidden + self.dropout(self.outer(functional.gelu(seen)))

    def _convolved(self, hidden: Tensor) -> Tensor:
        return self.conv(hidden.transpose(1, 2)).transpose(1, 2)
